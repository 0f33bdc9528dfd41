/** Machine-readable reasons (`last_gasps=37`) as sentences; what is unknown is shown as it came. */

import type { Translate } from '../i18n/index.ts'

export function sentence(reason: string, t: Translate): string {
  const [name, value = ''] = reason.split('=', 2) as [string, string?]
  const exact = `reason.${name}_${value}`
  if (t(exact) !== exact) return t(exact)
  const key = `reason.${name}`
  return t(key) === key ? reason : t(key, { n: value })
}

/** The first one or two sentences: why it is believed, at a glance. */
export function gist(reasons: string[], t: Translate): string {
  return reasons.slice(0, 2).map((reason) => sentence(reason, t)).join(t('reason.and'))
}
