/** The live picture: outages, orders and crews, fetched once and kept by events. */

import { computed, reactive } from 'vue'

import { get } from '../api/client.ts'
import type { Crew, Order, Outage, Page } from '../api/types.ts'

const PAGE = 500
const RECENT = 20

export const outages = reactive(new Map<string, Outage>())
export const orders = reactive(new Map<string, Order>())
export const crews = reactive(new Map<string, Crew>())

export const isOpen = (outage: Outage): boolean => outage.state === 'suspected' || outage.state === 'confirmed'
export const isOpenOrder = (order: Order): boolean => order.state !== 'closed' && order.state !== 'cancelled'

const newestFirst = (a: string, b: string): number => b.localeCompare(a)

export const openOutages = computed(() =>
  [...outages.values()].filter(isOpen).sort((a, b) => newestFirst(a.started_at, b.started_at)),
)
export const recentlyRestored = computed(() =>
  [...outages.values()]
    .filter((outage) => outage.state === 'restored')
    .sort((a, b) => newestFirst(a.restored_at ?? '', b.restored_at ?? ''))
    .slice(0, RECENT),
)
export const openOrders = computed(() =>
  [...orders.values()].filter(isOpenOrder).sort((a, b) => newestFirst(a.created_at, b.created_at)),
)
export const crewList = computed(() => [...crews.values()].sort((a, b) => a.id.localeCompare(b.id)))
export const customersOut = computed(() => openOutages.value.reduce((sum, outage) => sum + outage.customers_out, 0))

/** Ids that an event named while a fetch was under way: the answer may be older than they are. */
const touched = new Set<string>()

/** Fetch all anew; what an event has made newer in the meantime stays. */
export async function loadBoard(): Promise<void> {
  touched.clear()
  const [open, closed, jobs, people] = await Promise.all([
    get<Page<Outage>>(`/outages?state=open&limit=${PAGE}`),
    get<Page<Outage>>(`/outages?state=closed&limit=${RECENT}`),
    get<Page<Order>>(`/orders?state=open&limit=${PAGE}`),
    get<Page<Crew>>(`/crews?limit=${PAGE}`),
  ])
  replace(outages, [...open.items, ...closed.items])
  replace(orders, jobs.items)
  for (const crew of people.items) if (!touched.has(crew.id)) crews.set(crew.id, crew)
}

export function keepOutage(outage: Outage): void {
  keepNewer(outages, outage)
}

export function keepOrder(order: Order): void {
  keepNewer(orders, order)
}

export function keepCrew(crew: Crew): void {
  touched.add(crew.id)
  crews.set(crew.id, crew)
}

export function clearBoard(): void {
  for (const kept of [outages, orders, crews]) kept.clear()
}

interface Revised {
  id: string
  revision: number
}

function keepNewer<T extends Revised>(kept: Map<string, T>, fact: T): void {
  touched.add(fact.id)
  if ((kept.get(fact.id)?.revision ?? -1) <= fact.revision) kept.set(fact.id, fact)
}

function replace<T extends Revised>(kept: Map<string, T>, facts: T[]): void {
  const current = new Set(facts.map((fact) => fact.id))
  for (const id of kept.keys()) if (!current.has(id) && !touched.has(id)) kept.delete(id)
  for (const fact of facts) keepNewer(kept, fact)
}
