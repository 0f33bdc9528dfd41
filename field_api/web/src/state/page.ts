/** Which page is open: the command centre, one outage (`/outages/ID`), or what is only read (`/records/NAME`). */

import { ref } from 'vue'

import { selection } from './selection.ts'

export type Records = 'calendar' | 'audit'

const RECORDS = /^\/records\/(calendar|audit)$/
const PLACE = /^\/outages\/(.+)$/

export const pageOutage = ref<string | null>(fromAddress())

/** Calendar or audit record; null: neither. */
export const pageRecords = ref<Records | null>(recordsAt())

export const addressOf = (outageId: string): string => `/outages/${encodeURIComponent(outageId)}`

export function openPage(outageId: string): void {
  selection.value = null
  history.pushState(null, '', addressOf(outageId))
  pageOutage.value = outageId
}

/** Back to the command centre, with the outage still chosen there. */
export function closePage(): void {
  const outageId = pageOutage.value
  history.pushState(null, '', '/')
  pageOutage.value = null
  selection.value = outageId === null ? null : { type: 'outage', id: outageId }
}

function fromAddress(): string | null {
  const found = PLACE.exec(location.pathname)?.[1]
  return found ? decodeURIComponent(found) : null
}

export function openRecords(name: Records): void {
  history.pushState(null, '', `/records/${name}`)
  pageRecords.value = name
}

export function closeRecords(): void {
  history.pushState(null, '', '/')
  pageRecords.value = null
}

function recordsAt(): Records | null {
  return (RECORDS.exec(location.pathname)?.[1] as Records | undefined) ?? null
}

addEventListener('popstate', () => {
  pageRecords.value = recordsAt()
  pageOutage.value = fromAddress()
})
