/** Which page is open, as the address says: the command centre, one outage (`/outages/ID`), or what is only read (`/records/NAME`). */

import { computed, ref } from 'vue'

import { selection } from './selection.ts'

export type Records = 'calendar' | 'audit'

const RECORDS = /^\/records\/(calendar|audit)$/
const OUTAGE = /^\/outages\/(.+)$/

const address = ref(location.pathname)
addEventListener('popstate', () => (address.value = location.pathname))

export const pageOutage = computed<string | null>(() => {
  const id = OUTAGE.exec(address.value)?.[1]
  return id ? decodeURIComponent(id) : null
})
/** Calendar or audit record; null: neither. */
export const pageRecords = computed(() => (RECORDS.exec(address.value)?.[1] as Records | undefined) ?? null)

export const addressOf = (outageId: string): string => `/outages/${encodeURIComponent(outageId)}`

export function openPage(outageId: string): void {
  selection.value = null
  goTo(addressOf(outageId))
}

/** Back to the command centre, with the outage still chosen there. */
export function closePage(): void {
  const id = pageOutage.value
  goTo('/')
  selection.value = id === null ? null : { type: 'outage', id }
}

export const openRecords = (name: Records): void => goTo(`/records/${name}`)
export const closeRecords = (): void => goTo('/')

function goTo(path: string): void {
  history.pushState(null, '', path)
  address.value = path
}
