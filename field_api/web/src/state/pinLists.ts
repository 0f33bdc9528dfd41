/** What stands on the map above the tiles, as lists of pins. */

import { computed } from 'vue'

import { count } from '../format/numbers.ts'
import { t } from '../i18n/index.ts'
import type { Pin } from '../map/pins.ts'
import { crewList, openOutages } from './board.ts'
import { shownElement } from './element.ts'
import { hiddenLayers } from './layers.ts'
import { select, selection } from './selection.ts'
import { gridName, site } from './site.ts'

const isChosen = (type: string, id: string): string =>
  selection.value?.type === type && selection.value.id === id ? ' pin-chosen' : ''

export const causePins = computed<Pin[]>(() =>
  openOutages.value.flatMap((outage) => {
    const { lon, lat, name, element } = outage.cause
    if (lon === null || lat === null) return []
    const state = t(`outage.state.${outage.state}`)
    return [{
      id: outage.id, lon, lat,
      className: `pin-cause pin-${outage.state}${isChosen('outage', outage.id)}`,
      label: outage.state === 'confirmed' ? '!' : '?',
      title: `${state} · ${name || element} · ${t('outage.out_n', { n: count(outage.customers_out) })}`,
      onPick: () => select('outage', outage.id),
    }]
  }),
)

export const crewPins = computed<Pin[]>(() =>
  hiddenLayers.value.has('crews') ? [] : crewList.value.flatMap((crew) => {
    if (crew.lon === null || crew.lat === null) return []
    return [{
      id: crew.id, lon: crew.lon, lat: crew.lat,
      className: `pin-crew pin-${crew.state}${isChosen('crew', crew.id)}`,
      label: crew.name,
      side: 'above',
      title: `${crew.name} · ${t(`crew.state.${crew.state}`)}`,
      onPick: () => select('crew', crew.id),
    }]
  }),
)

/** A ring around the element that the panel shows. */
export const spotPins = computed<Pin[]>(() => {
  const element = selection.value?.type === 'element' ? shownElement.value : null
  if (!element || element.lon === null || element.lat === null) return []
  return [{ id: 'spot', lon: element.lon, lat: element.lat, className: 'pin-spot', label: '' }]
})

export const cellPins = computed<Pin[]>(() =>
  hiddenLayers.value.has('cells') ? [] : (site.value?.grid_cells ?? []).map((cell) => ({
    id: cell.id,
    lon: (cell.bounds[0] + cell.bounds[2]) / 2,
    lat: (cell.bounds[1] + cell.bounds[3]) / 2,
    className: 'pin-cell',
    label: gridName(cell.id),
    side: 'below',
  })),
)
