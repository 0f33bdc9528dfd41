/** Machine-readable reasons (`last_gasps=37`) as sentences; what is unknown is shown as it came. */

import type { Translate } from '../i18n/index.ts'
import { clockTime } from './time.ts'

const SAYS_NOTHING = 'last_gasps=0'

export function sentence(reason: string, t: Translate): string {
  const [name, value = ''] = reason.split('=', 2) as [string, string?]
  if (name.endsWith('_at') && /^\d+$/.test(value)) {
    return t(`reason.${name}`, { n: clockTime(new Date(Number(value)).toISOString(), Number(value)) })
  }
  const exact = `reason.${name}_${value}`
  if (t(exact) !== exact) return t(exact)
  const key = `reason.${name}`
  return t(key) === key ? reason : t(key, { n: value })
}

/** The first one or two sentences: why it is believed, at a glance. */
export function gist(reasons: string[], t: Translate): string {
  return reasons.filter((reason) => reason !== SAYS_NOTHING).slice(0, 2).map((reason) => sentence(reason, t)).join(t('reason.and'))
}
