/** What the person looks at; kept in the address, so that a reload or a link shows the same. */

import { ref, shallowRef, watch } from 'vue'

export type SelectionType = 'outage' | 'order' | 'crew' | 'element'
export interface Selection {
  type: SelectionType
  id: string
}
export type Tab = 'outages' | 'notices' | 'orders' | 'dispatch' | 'crews' | 'feeders' | 'alarms' | 'grid'

const TYPES: readonly string[] = ['outage', 'order', 'crew', 'element']

export const selection = ref<Selection | null>(fromHash())
export const tab = ref<Tab>('outages')
/** Where the map shall fly next: a place, or the whole scope of an outage where that is known. */
export interface Flight {
  lon: number
  lat: number
  zoom?: number
  outage?: string
}
/** A new object each time, so that the same place can be asked for twice. */
export const flight = shallowRef<Flight | null>(null)

export function select(type: SelectionType, id: string): void {
  selection.value = { type, id }
}

export function unselect(): void {
  selection.value = null
}

export function flyTo(place: { lon: number | null; lat: number | null }, how: Pick<Flight, 'zoom' | 'outage'> = {}): void {
  if (place.lon === null || place.lat === null) return
  flight.value = { lon: place.lon, lat: place.lat, ...how }
}

function fromHash(): Selection | null {
  const [type = '', ...rest] = location.hash.slice(1).split('/')
  const id = decodeURIComponent(rest.join('/'))
  return TYPES.includes(type) && id ? { type: type as SelectionType, id } : null
}

watch(selection, (chosen) => {
  const hash = chosen ? `#${chosen.type}/${encodeURIComponent(chosen.id)}` : location.pathname
  history.replaceState(null, '', hash)
})
addEventListener('hashchange', () => {
  selection.value = fromHash()
})
