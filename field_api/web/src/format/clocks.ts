/** How a legal or promised due time stands; pure. */

import type { DueTime, Language } from '../api/types.ts'

export type Standing = 'met' | 'running' | 'at_risk' | 'late'

/** Less time left than this makes a running clock "at risk". */
export const AT_RISK_S = 900

export function standing(due: DueTime, nowMs: number): Standing {
  if (due.state === 'met' || due.state === 'late') return due.state
  const left = secondsLeft(due, nowMs)
  if (left < 0) return 'late'
  return left < AT_RISK_S || due.state === 'at_risk' ? 'at_risk' : 'running'
}

/** A rule is told as `profile: Chinese · English`; one of any other form is shown whole. */
export function ruleIn(rule: string, language: Language): string {
  const [zh, en] = rule.replace(/^\w+: /, '').split(' · ')
  if (zh === undefined || en === undefined) return rule
  return language === 'zh' ? zh : en
}

export function secondsLeft(due: DueTime, nowMs: number): number {
  return (Date.parse(due.due_at) - nowMs) / 1000
}
