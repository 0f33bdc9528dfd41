/** By how much a planned visit misses or keeps an order's due times; pure. */

import type { DueTime, Visit } from '../api/types.ts'

export interface PlannedDue {
  clock: string
  due_at: string
  /** Negative: to spare. */
  lateMinutes: number
}

/** Arrival is held against the begin of the visit, every other clock against its end. */
export function plannedDues(visit: Pick<Visit, 'begins_at' | 'finishes_at'>, due: DueTime[]): PlannedDue[] {
  return due
    .filter((one) => one.state !== 'met')
    .map((one) => {
      const planned = one.clock === 'arrival' ? visit.begins_at : visit.finishes_at
      return { clock: one.clock, due_at: one.due_at, lateMinutes: Math.round((Date.parse(planned) - Date.parse(one.due_at)) / 60_000) }
    })
}
