/** What stands on the map above the tiles, as lists of pins. */

import { computed } from 'vue'

import { count } from '../format/numbers.ts'
import { t } from '../i18n/index.ts'
import type { Pin } from '../map/pins.ts'
import { crewList, openOutages, outages } from './board.ts'
import { shownElement } from './element.ts'
import { hiddenLayers } from './layers.ts'
import { called, crewCalled } from './naming.ts'
import { pageOutage } from './page.ts'
import { select, selection } from './selection.ts'
import { gridName, site } from './site.ts'
import { moved } from './switching.ts'

/** More than this nobody can tell apart on a map; the list has them all. */
const MOST_MOVED = 300

const isChosen = (type: string, id: string): string =>
  selection.value?.type === type && selection.value.id === id ? ' pin-chosen' : ''

export const causePins = computed<Pin[]>(() =>
  openOutages.value.flatMap((outage) => {
    const { lon, lat } = outage.cause
    if (lon === null || lat === null) return []
    const state = t(`outage.state.${outage.state}`)
    return [{
      id: outage.id, lon, lat,
      className: `pin-cause pin-${outage.state}${isChosen('outage', outage.id)}`,
      label: outage.state === 'confirmed' ? '!' : '?',
      title: `${state} · ${called(outage.cause)} · ${t('outage.out_n', { n: count(outage.customers_out) })}`,
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
      label: crewCalled(crew),
      side: 'above',
      title: `${crewCalled(crew)} · ${t(`crew.state.${crew.state}`)}`,
      onPick: () => select('crew', crew.id),
    }]
  }),
)

/** Switches out of their normal position, jumpers and generators: what a drawing of the normal state hides. */
export const movedPins = computed<Pin[]>(() =>
  hiddenLayers.value.has('switches') ? [] : moved.value.slice(0, MOST_MOVED).flatMap((one) => {
    if (one.lon === null || one.lat === null) return []
    const state = t(one.closed ? 'switching.closed' : 'switching.open')
    return [{
      id: one.element, lon: one.lon, lat: one.lat,
      className: `pin-moved pin-moved-${one.kind === 'generator' ? 'generator' : one.closed ? 'closed' : 'open'}`,
      label: one.kind === 'generator' ? 'G' : one.closed ? '\u2014' : '/',
      title: `${called(one)} · ${state} · ${t('switching.not_normal')}`,
      onPick: () => select('element', one.element.replace(/^~/, '').split('~')[0] ?? one.element),
    }]
  }),
)

/** A ring around the element that the panel shows, or the cause of the outage whose page is open. */
export const spotPins = computed<Pin[]>(() => {
  const chosen = selection.value?.type === 'element' ? shownElement.value : null
  const place = chosen ?? (selection.value || !pageOutage.value ? undefined : outages.get(pageOutage.value)?.cause)
  if (!place || place.lon === null || place.lat === null) return []
  return [{ id: 'spot', lon: place.lon, lat: place.lat, className: 'pin-spot', label: '' }]
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
