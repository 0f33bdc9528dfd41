/** The plan of the crews' work, read again as the feed tells of another one; taking what it proposes. */

import { computed, ref, shallowRef } from 'vue'

import { get, send } from '../api/client.ts'
import type { Assignments, DispatchPlan, Order, Visit } from '../api/types.ts'
import { keepOrder, orders } from './board.ts'
import { soon } from './soon.ts'

const EVERY_MS = 20_000

export const plan = shallowRef<DispatchPlan | null>(null)
/** `none`: the worker has made no plan yet. */
export const planState = ref<'loading' | 'there' | 'none' | 'failed'>('loading')

export const proposals = computed<Visit[]>(() => (plan.value?.crews ?? []).flatMap((crew) => crew.visits.filter((visit) => visit.proposed)))
/** Proposals and orders that nobody can do: what waits for a dispatcher. */
export const toDecide = computed(() => proposals.value.length + (plan.value?.left.length ?? 0))

export async function refreshPlan(): Promise<void> {
  try {
    plan.value = (await get<DispatchPlan | undefined>('/dispatch/plan')) ?? null
    planState.value = plan.value ? 'there' : 'none'
  } catch {
    planState.value = 'failed'
  }
}

export async function planNow(): Promise<void> {
  plan.value = await send<DispatchPlan>('POST', '/dispatch/plan')
  planState.value = 'there'
}

/** Take these proposals; null: all that I see. */
export async function take(orderIds: string[] | null): Promise<Assignments> {
  try {
    return await send<Assignments>('POST', '/dispatch/assignments', { operation_id: crypto.randomUUID(), orders: orderIds })
  } finally {
    await refreshPlan()
  }
}

/** Give an order to a crew by hand, whatever the plan says. */
export async function giveTo(orderId: string, crewId: string, note: string): Promise<void> {
  const seen = orders.get(orderId) ?? (await get<Order>(`/orders/${encodeURIComponent(orderId)}`))
  const body = { operation_id: crypto.randomUUID(), step: 'transfer', at: new Date().toISOString(), revision: seen.revision, to_crew: crewId, note }
  keepOrder(await send<Order>('POST', `/orders/${encodeURIComponent(orderId)}/steps`, body))
  void refreshPlan()
}

let timer: ReturnType<typeof setInterval> | undefined
export const planMoved = soon(() => timer !== undefined && void refreshPlan())

/** Asked for by the tab, by events and now and then: a product that has just begun has no plan yet. */
export function watchPlan(): void {
  stopPlan()
  planState.value = 'loading'
  timer = setInterval(() => void refreshPlan(), EVERY_MS)
}

export function stopPlan(): void {
  clearInterval(timer)
  timer = undefined
  plan.value = null
}
