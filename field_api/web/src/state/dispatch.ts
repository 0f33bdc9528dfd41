/** The plan of the crews' work, read again as the feed tells of another one; taking what it proposes. */

import { computed, ref, shallowRef } from 'vue'

import { get, send } from '../api/client.ts'
import type { Assignments, CrewPlan, DispatchPlan, Order, Visit } from '../api/types.ts'
import { keepOrder, orders } from './board.ts'
import { operate } from './operate.ts'
import { rounds } from './rounds.ts'

const EVERY_MS = 20_000

export const plan = shallowRef<DispatchPlan | null>(null)
/** `none`: the worker has made no plan yet. */
export const planState = ref<'loading' | 'there' | 'none' | 'failed'>('loading')

export interface ProposedVisit {
  visit: Visit
  /** Who should have it. */
  crew: CrewPlan
}
/** Those that have waited longest first. */
export const proposals = computed<ProposedVisit[]>(() =>
  (plan.value?.crews ?? [])
    .flatMap((crew) => crew.visits.filter((visit) => visit.proposed).map((visit) => ({ visit, crew })))
    .sort((a, b) => (a.visit.proposed_since ?? '').localeCompare(b.visit.proposed_since ?? '')),
)
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
    return await operate<Assignments>('/dispatch/assignments', { orders: orderIds })
  } finally {
    await refreshPlan()
  }
}

/** Give an order to a crew by hand, whatever the plan says. */
export async function giveTo(orderId: string, crewId: string, note: string): Promise<void> {
  const path = `/orders/${encodeURIComponent(orderId)}`
  const { revision } = orders.get(orderId) ?? (await get<Order>(path))
  const now = new Date().toISOString()
  const said = { step: 'transfer', to_crew: crewId, note }
  keepOrder(await operate<Order>(`${path}/steps`, said, { revision, at: now }, { sent_at: now }))
  void refreshPlan()
}

/** By events and now and then: a product that has just begun has no plan yet. */
export const planRounds = rounds(refreshPlan, EVERY_MS)

export function stopPlan(): void {
  planRounds.end()
  plan.value = null
  planState.value = 'loading'
}
