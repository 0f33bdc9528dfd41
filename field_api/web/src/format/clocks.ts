/** How a legal or promised due time stands; pure. */

import type { DueTime } from '../api/types.ts'

export type Standing = 'met' | 'running' | 'at_risk' | 'late'

/** Less time left than this makes a running clock "at risk". */
export const AT_RISK_S = 900

export function standing(due: DueTime, nowMs: number): Standing {
  if (due.state !== 'running') return due.state
  const left = secondsLeft(due, nowMs)
  if (left < 0) return 'late'
  return left < AT_RISK_S ? 'at_risk' : 'running'
}

export function secondsLeft(due: DueTime, nowMs: number): number {
  return (Date.parse(due.due_at) - nowMs) / 1000
}
