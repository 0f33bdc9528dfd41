/** Times and durations as people read them; pure, `now` is an argument. */

import type { Translate } from '../i18n/index.ts'

const MINUTE_S = 60
const HOUR_S = 3600
const DAY_S = 86_400

/** Seconds from `from` until `now`, never negative. */
export function secondsSince(from: string, nowMs: number): number {
  return Math.max(0, (nowMs - Date.parse(from)) / 1000)
}

/** A running duration to the second: `03:07`, `1:02:45`, `2 d 03:15`. */
export function stopwatch(seconds: number, t: Translate): string {
  const whole = Math.max(0, Math.floor(seconds))
  const two = (n: number): string => String(n).padStart(2, '0')
  const [h, m, s] = [Math.floor((whole % DAY_S) / HOUR_S), Math.floor((whole % HOUR_S) / MINUTE_S), whole % MINUTE_S]
  if (whole >= DAY_S) return t('time.days', { days: Math.floor(whole / DAY_S), rest: `${two(h)}:${two(m)}` })
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${two(m)}:${two(s)}`
}

/** A coarse duration: `8 s`, `12 min`, `3 h 05 min`. */
export function roughly(seconds: number, t: Translate): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < MINUTE_S) return t('time.seconds', { n: whole })
  if (whole < HOUR_S) return t('time.minutes', { n: Math.floor(whole / MINUTE_S) })
  if (whole < DAY_S) {
    return t('time.hours', { h: Math.floor(whole / HOUR_S), m: String(Math.floor((whole % HOUR_S) / MINUTE_S)).padStart(2, '0') })
  }
  return t('time.moreDays', { n: Math.floor(whole / DAY_S) })
}

/** The company's zone; until it is known, and for a name the browser does not have, its own. */
let zoned = clockOf(undefined)

export function useZone(zone: string): void {
  try {
    zoned = clockOf(zone)
  } catch {
    zoned = clockOf(undefined)
  }
}

function clockOf(timeZone: string | undefined): Intl.DateTimeFormat {
  const digits = '2-digit' as const
  return new Intl.DateTimeFormat('en-GB', {
    timeZone, year: 'numeric', month: digits, day: digits, hour: digits, minute: digits, second: digits, hourCycle: 'h23',
  })
}

function wall(at: Date): Record<string, string> {
  return Object.fromEntries(zoned.formatToParts(at).map(({ type, value }) => [type, value]))
}

/** Clock time in the company's zone; with the day when it is not today's. */
export function clockTime(iso: string, nowMs: number): string {
  const at = wall(new Date(iso))
  const today = wall(new Date(nowMs))
  const time = `${at['hour']}:${at['minute']}:${at['second']}`
  const sameDay = at['day'] === today['day'] && at['month'] === today['month'] && at['year'] === today['year']
  return sameDay ? time : `${at['month']}-${at['day']} ${time}`
}

/** Day and time with the year, for what is read years later. */
export function dateTime(iso: string): string {
  const at = wall(new Date(iso))
  return `${at['year']}-${at['month']}-${at['day']} ${at['hour']}:${at['minute']}:${at['second']}`
}

/** Clock time to the minute, for plans; with the day when it is not today's. */
export function clockMinute(iso: string, nowMs: number): string {
  return clockTime(iso, nowMs).slice(0, -3)
}

/** The instant of a form's wall time (`2026-11-22T18:30`), read in the company's zone. */
export function instantOf(wallTime: string): string {
  const asUtc = Date.parse(`${wallTime}Z`)
  const offsetAt = (ms: number): number => {
    const at = wall(new Date(ms))
    return Date.UTC(Number(at['year']), Number(at['month']) - 1, Number(at['day']), Number(at['hour']), Number(at['minute']), Number(at['second'])) - ms
  }
  // Once more with the offset found: right beside a change of the clocks too.
  const guess = asUtc - offsetAt(asUtc)
  return new Date(asUtc - offsetAt(guess)).toISOString()
}
