/** Short messages about changes; new outages are also spoken by screen readers. */

import { ref, watch } from 'vue'

import type { Order, Outage } from '../api/types.ts'
import { count } from '../format/numbers.ts'
import { language, t } from '../i18n/index.ts'
import { called, orderCrew, orderState } from './naming.ts'
import type { Selection } from './selection.ts'
import { gridName } from './site.ts'

export interface Toast {
  id: number
  tone: 'alert' | 'warning' | 'done' | 'plain'
  text: string
  target?: Selection
}

const SHOWN_MS = 8000
const MOST = 3
const RECENT_MS = 120_000

export const toasts = ref<Toast[]>([])
let next = 1

export function say(tone: Toast['tone'], text: string, target?: Selection): void {
  const toast: Toast = target ? { id: next++, tone, text, target } : { id: next++, tone, text }
  toasts.value = [...toasts.value, toast].slice(-MOST)
  setTimeout(() => dismiss(toast.id), SHOWN_MS)
}

// What was said in the other language is no longer read.
watch(language, () => (toasts.value = []))

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id)
}

const TONES = { suspected: 'warning', confirmed: 'alert', restored: 'done', retracted: 'plain', merged: 'plain' } as const

export function announceOutage(before: Outage | undefined, after: Outage): void {
  if (before?.state === after.state || Date.now() - Date.parse(after.updated_at) > RECENT_MS) return
  if (before === undefined && after.state === 'merged') return
  const values = { name: called(after.cause), n: count(after.customers_out), grid: gridName(after.grid_id) }
  say(TONES[after.state], t(`toast.${after.state}`, values), { type: 'outage', id: after.id })
}

/** The steps between are seen in the list; only beginning and end interrupt. */
const TOLD: readonly string[] = ['assigned', 'closed', 'cancelled']

export function announceOrder(before: Order | undefined, after: Order): void {
  if (before?.state === after.state || !TOLD.includes(after.state)) return
  const values = { number: after.number, crew: orderCrew(after), state: orderState(after) }
  say('plain', t('toast.order', values), { type: 'order', id: after.id })
}
