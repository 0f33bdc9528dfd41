/** Which page is open: the command centre, or one outage with an address of its own (`/outages/ID`). */

import { ref } from 'vue'

import { selection } from './selection.ts'

const PLACE = /^\/outages\/(.+)$/

export const pageOutage = ref<string | null>(fromAddress())

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

addEventListener('popstate', () => {
  pageOutage.value = fromAddress()
})
