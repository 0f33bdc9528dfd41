/** One outage in full: its live summary, its detail, and why it is believed, read again as these change. */

import { computed, type ComputedRef, type Ref } from 'vue'

import type { Explanation, Outage, OutageDetail } from '../api/types.ts'
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

/** `shown`: explain that revision instead of the newest one. */
export function useOutage(id: string, shown: () => number | null = () => null): WholeOutage {
  const path = `/outages/${encodeURIComponent(id)}`
  const ordersOf = (): string => [...orders.values()].filter((order) => order.outage_id === id).map((order) => `${order.id}${order.revision}`).join()
  const { value: detail, problem } = useDetail<OutageDetail>(path, () => `${outages.get(id)?.revision}/${ordersOf()}`)
  const outage = computed(() => outages.get(id) ?? detail.value)
  // Answers of meters arrive between revisions: while it is open the reasons are read again now and then.
  const tick = (): number | string => (outage.value && isOpen(outage.value) ? Math.floor(nowMs.value / REFRESH_MS) : '')
  const { value: explanation } = useDetail<Explanation>(
    () => `${path}/explanation${shown() === null ? '' : `?revision=${shown()}`}`,
    () => `${shown() ?? ''}/${detail.value?.explained_revision ?? ''}/${tick()}`,
    () => typeof detail.value?.explained_revision === 'number',
  )
  return { outage, detail, explanation, problem }
}
