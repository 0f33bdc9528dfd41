/**
 * Two languages, Chinese first. `t` reads a nested key (`outage.state.confirmed`) and fills `{n}`;
 * where n is one and the key has a sibling `…_1`, that is said instead.
 */

import { ref, watchEffect } from 'vue'

import type { Language } from '../api/types.ts'
import en from './en.json'
import zh from './zh.json'

export type Translate = (key: string, values?: Record<string, string | number>) => string
interface Texts {
  [key: string]: string | Texts
}

const TEXTS: Record<Language, Texts> = { zh, en }
const STORED_UNDER = 'gridcrew.language'
let person = ''

export const language = ref<Language>('zh')

export const t: Translate = (key, values = {}) => {
  const single = String(values['n']) === '1' ? lookUp(`${key}_1`) : undefined
  const text = single ?? lookUp(key) ?? key
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}

function at(key: string): string | Texts | undefined {
  let found: string | Texts | undefined = TEXTS[language.value]
  for (const part of key.split('.')) found = typeof found === 'object' ? found[part] : undefined
  return found
}

function lookUp(key: string): string | undefined {
  const found = at(key)
  return typeof found === 'string' ? found : undefined
}

/** The texts right under a key, by their own last part. */
export function textsUnder(key: string): Record<string, string> {
  const found = at(key)
  return typeof found === 'object' ? (found as Record<string, string>) : {}
}

/** The key's text, or else that: what the server names (kinds, reasons) may be newer than this page. */
export const tOr = (key: string, otherwise: string): string => lookUp(key) ?? otherwise

/** Each person's own choice on this machine; without one, what the account says. */
export function speakFor(username: string, usual: Language): void {
  person = username
  language.value = stored(username) ?? stored('') ?? usual
}

export function chooseLanguage(chosen: Language): void {
  language.value = chosen
  localStorage.setItem(`${STORED_UNDER}.${person}`, chosen)
}

function stored(username: string): Language | null {
  const value = localStorage.getItem(`${STORED_UNDER}.${username}`)
  return value === 'zh' || value === 'en' ? value : null
}

watchEffect(() => {
  document.documentElement.lang = language.value === 'zh' ? 'zh-CN' : 'en'
  if (!location.pathname.startsWith('/outages/')) document.title = t('app.title')
})
