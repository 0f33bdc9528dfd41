/** One outage in full: its live summary, its detail, and why it is believed, read again as these change. */

import { computed, type ComputedRef, type Ref } from 'vue'

import type { Explanation, Outage, OutageDetail, Revision } from '../api/types.ts'
import { isOpen, orders, outages } from './board.ts'
import { nowMs } from './clock.ts'
import { useDetail } from './detail.ts'

const REFRESH_MS = 5_000

export interface WholeOutage {
  outage: ComputedRef<Outage | null>
  detail: Readonly<Ref<OutageDetail | null>>
  explanation: Readonly<Ref<Explanation | null>>
  problem: Readonly<Ref<'' | 'gone' | 'failed'>>
}

/** `chosen`: explain that revision instead of the newest one, or of the last one that held an outage for real that is over. */
export function useOutage(id: string, chosen: () => number | null = () => null): WholeOutage {
  const path = `/outages/${encodeURIComponent(id)}`
  const ordersOf = (): string => [...orders.values()].filter((order) => order.outage_id === id).map((order) => `${order.id}${order.revision}`).join()
  const { value: detail, problem } = useDetail<OutageDetail>(path, () => `${outages.get(id)?.revision}/${ordersOf()}`)
  const outage = computed(() => outages.get(id) ?? detail.value)
  // Answers of meters arrive between revisions: while it is open the reasons are read again now and then.
  const tick = (): number | string => (outage.value && isOpen(outage.value) ? Math.floor(nowMs.value / REFRESH_MS) : '')
  const shown = (): number | null => chosen() ?? (outage.value && !isOpen(outage.value) ? lastBelief(detail.value?.revisions ?? []) : null)
  const { value: explanation } = useDetail<Explanation>(
    () => `${path}/explanation${shown() === null ? '' : `?revision=${shown()}`}`,
    () => `${shown() ?? ''}/${detail.value?.explained_revision ?? ''}/${tick()}`,
    () => typeof detail.value?.explained_revision === 'number',
  )
  return { outage, detail, explanation, problem }
}

/** The newest revision that still held it for real, before signs of return began to contradict it. */
function lastBelief(revisions: Revision[]): number | null {
  const held = revisions.filter((one) => one.state === 'confirmed' || one.state === 'suspected')
  const before = held.filter((one) => !one.reasons.some((reason) => reason.startsWith('returned_at=')))
  return (before.length ? before : held).at(-1)?.revision ?? null
}
