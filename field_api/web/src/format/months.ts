/** A year's days laid out as people read a calendar: months of weeks from Monday to Sunday; pure. */

import type { CalendarDay } from '../api/types.ts'

export type Cell = CalendarDay | null

/** Monday is 0. Days are dates without a zone. */
export function weekday(day: string): number {
  return (new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7
}

/** Weeks of seven cells; null where the week belongs to another month. */
export function weeksOf(month: CalendarDay[]): Cell[][] {
  const first = month[0]
  if (!first) return []
  const cells: Cell[] = [...Array<null>(weekday(first.day)).fill(null), ...month]
  while (cells.length % 7) cells.push(null)
  return Array.from({ length: cells.length / 7 }, (_, week) => cells.slice(7 * week, 7 * week + 7))
}

export function monthsOf(days: CalendarDay[]): CalendarDay[][] {
  return Array.from({ length: 12 }, (_, month) => days.filter((one) => Number(one.day.slice(5, 7)) === month + 1))
}

/** `make_up`: work at a weekend; `day_off`: none from Monday to Friday. */
export function unusual(one: CalendarDay): '' | 'make_up' | 'day_off' {
  const weekend = weekday(one.day) >= 5
  if (weekend === !one.is_work) return ''
  return one.is_work ? 'make_up' : 'day_off'
}
