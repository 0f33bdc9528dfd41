/** What a thing is called in a language; pure. */

import type { Language } from '../api/types.ts'

export interface Named {
  name: string
  name_en?: string
  id?: string
  element?: string
}

const CHINESE = /[\u3400-\u9fff]/

/** Its name in that language; in English its id rather than a Chinese name. */
export function nameIn(thing: Named, language: Language): string {
  const id = thing.element ?? thing.id ?? ''
  if (language === 'zh') return thing.name || id
  return thing.name_en || (CHINESE.test(thing.name) ? id : thing.name) || id || thing.name
}
