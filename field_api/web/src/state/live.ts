/** Server-sent events: kept open, resumed after a gap, and honest about being cut off. */

import { computed, ref } from 'vue'

import type { Crew, Notice, Order, Outage } from '../api/types.ts'
import { keepCrew, keepOrder, keepOutage, loadBoard, orders, outages } from './board.ts'
import { planRounds } from './dispatch.ts'
import { answeredAt, unanswered } from './feeders.ts'
import { noticeRounds } from './notices.ts'
import { announceOrder, announceOutage } from './toasts.ts'

const RETRY_MS = 3000

const connected = ref(false)
const heardAt = ref(0)

export type LiveState = 'connecting' | 'live' | 'lost'
export const liveState = computed<LiveState>(() => {
  if (connected.value && !unanswered.value) return 'live'
  return heardAt.value ? 'lost' : 'connecting'
})
/** When what the page shows was last known to be true. */
export const trueAtMs = computed(() => Math.max(heardAt.value, answeredAt.value))

let source: EventSource | undefined
let retry: ReturnType<typeof setTimeout> | undefined
let lastId = ''
let address = ''

export function connect(url: string): void {
  disconnect()
  address = url
  const resumed = new URL(url, location.href)
  if (lastId) resumed.searchParams.set('after', lastId)
  source = new EventSource(resumed, { withCredentials: true })
  source.addEventListener('error', () => {
    connected.value = false
    // The browser retries by itself unless the server refused; then we do.
    if (source?.readyState === EventSource.CLOSED) retry = setTimeout(() => connect(url), RETRY_MS)
  })
  source.addEventListener('hello', () => void freshStart())
  source.addEventListener('reset', () => void freshStart())
  listen<Outage>(source, 'outage', (outage) => {
    announceOutage(outages.get(outage.id), outage)
    keepOutage(outage)
    noticeRounds.moved()
  })
  listen<Order>(source, 'order', (order) => {
    announceOrder(orders.get(order.id), order)
    keepOrder(order)
    planRounds.moved()
  })
  listen<Crew>(source, 'crew', keepCrew)
  listen<Notice>(source, 'notice', noticeRounds.moved)
  listen(source, 'notice_control', noticeRounds.moved)
  listen(source, 'dispatch', planRounds.moved)
}

export function disconnect(): void {
  clearTimeout(retry)
  source?.close()
  source = undefined
  address = ''
  connected.value = false
}

// The machine knows at once that its network is gone; a stream that has died would only show by silence.
addEventListener('offline', () => (connected.value = false))
addEventListener('online', () => {
  if (address) connect(address)
})

async function freshStart(): Promise<void> {
  try {
    await loadBoard()
    connected.value = true
    heardAt.value = Date.now()
  } catch {
    connected.value = false
    retry = setTimeout(() => void freshStart(), RETRY_MS)
  }
}

function listen<T>(from: EventSource, name: string, handle: (fact: T) => void): void {
  from.addEventListener(name, (event) => {
    heardAt.value = Date.now()
    lastId = (event as MessageEvent<string>).lastEventId || lastId
    handle(JSON.parse((event as MessageEvent<string>).data) as T)
  })
}
