/** Names of elements, feeders, crews and orders in the person's language. */

import type { Crew, Order } from '../api/types.ts'
import { type Named, nameIn } from '../format/names.ts'
import { language, t, tOr } from '../i18n/index.ts'
import { outages } from './board.ts'

export const called = (thing: Named): string => nameIn(thing, language.value)

export const crewCalled = (crew: Pick<Crew, 'id' | 'name'>): string => called(crew)

export const orderCrew = (order: Order): string => called({ id: order.crew_id, name: order.crew_name })

/** The state of an order in words: each work type names its own. */
export function orderState(order: Pick<Order, 'state' | 'state_title'>): string {
  return order.state_title[language.value] ?? tOr(`order.state.${order.state}`, order.state)
}

/** Arrival and restoration have names of their own; every other clock ends with the work. */
export const clockCalled = (clock: string): string => tOr(`order.clock.${clock}`, t('order.clock.close'))

/** An order keeps its element's name in one language; its outage knows the other one. */
export function orderElement(order: Order): string {
  const cause = outages.get(order.outage_id)?.cause
  if (cause?.element === order.element) return called(cause)
  return called({ id: order.element, name: order.element_name })
}
