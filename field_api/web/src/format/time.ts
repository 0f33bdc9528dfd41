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

/** Local clock time; with the day when it is not today's. */
export function clockTime(iso: string, nowMs: number): string {
  const at = new Date(iso)
  const two = (n: number): string => String(n).padStart(2, '0')
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
  return at.toDateString() === new Date(nowMs).toDateString()
    ? time
    : `${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`
}
