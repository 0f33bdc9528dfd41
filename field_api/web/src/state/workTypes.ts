/** Kinds of work with their steps and forms: asked for once, when the first order is opened. */

import { shallowRef } from 'vue'

import { get } from '../api/client.ts'
import type { Order, WorkStep, WorkType } from '../api/types.ts'
import { tOr } from '../i18n/index.ts'

export const workTypes = shallowRef<Map<string, WorkType>>(new Map())
let asked: Promise<void> | undefined

export function needWorkTypes(): Promise<void> {
  asked ??= get<{ items: WorkType[] }>('/work-types').then(
    (answer) => void (workTypes.value = new Map(answer.items.map((one) => [one.name, one]))),
    () => void (asked = undefined), // the next order that is opened tries again
  )
  return asked
}

/** What the person may do with it now, of an order that was asked for: the feed's does not say (null). */
export function stepsOf(order: Order): WorkStep[] {
  const steps = workTypes.value.get(order.type)?.steps ?? []
  const mine = new Set(order.transitions)
  return steps.filter((step) => mine.has(step.name))
}

export function stepCalled(step: string): string {
  return tOr(`order.do.${step}`, stepDone(step))
}

/** As the history tells it. */
export function stepDone(step: string): string {
  return tOr(`order.step.${step}`, step)
}
