/** Notices that wait for a click, what is on hold, how channels fare: read again when the feed tells of a change. */

import { computed, ref, shallowRef } from 'vue'

import { get, send } from '../api/client.ts'
import type { Channel, Hold, HoldKind, Page, PendingNotice, Verdict } from '../api/types.ts'
import { operate } from './operate.ts'
import { rounds } from './rounds.ts'

const EVERY_MS = 20_000

export const pending = shallowRef<PendingNotice[] | null>(null)
export const holds = shallowRef<Hold[]>([])
export const channels = shallowRef<Channel[]>([])
export const unread = ref('')

/** What one click decides: all that waits about one incident. */
export interface Waiting {
  incident: string
  outage: string
  since: string
  messages: number
  toKey: number
  toVulnerable: number
  toLiaisons: number
  customers: number
  keyCustomers: number
  waits: PendingNotice['waits']
  kinds: PendingNotice[]
}

export const waiting = computed<Waiting[]>(() => {
  const found = new Map<string, PendingNotice[]>()
  for (const one of pending.value ?? []) found.set(one.incident_id, [...(found.get(one.incident_id) ?? []), one])
  return [...found.values()].map(together)
})
export const activeHolds = computed(() => holds.value.filter((hold) => hold.released_at === null))
export const everythingHeld = computed(() => activeHolds.value.some((hold) => hold.kind === 'all'))
export const failing = computed(() => channels.value.filter((channel) => channel.failing_since !== null))

function together(kinds: PendingNotice[]): Waiting {
  const sum = (count: (one: PendingNotice) => number): number => kinds.reduce((total, one) => total + count(one), 0)
  return {
    incident: kinds[0]!.incident_id,
    outage: kinds[0]!.outage_id,
    since: kinds.map((one) => one.since).sort()[0]!,
    messages: sum((one) => one.messages),
    toKey: sum((one) => one.to_key),
    toVulnerable: sum((one) => one.to_vulnerable),
    toLiaisons: sum((one) => one.to_liaisons),
    customers: Math.max(...kinds.map((one) => one.customers)),
    keyCustomers: Math.max(...kinds.map((one) => one.key_customers)),
    waits: [...new Set(kinds.flatMap((one) => one.waits))],
    kinds,
  }
}

export async function refreshNotices(): Promise<void> {
  try {
    const [waits, held, ways] = await Promise.all([
      get<Page<PendingNotice>>('/notices/pending'), get<Page<Hold>>('/notices/holds'), get<{ items: Channel[] }>('/notices/channels'),
    ])
    pending.value = waits.items
    holds.value = held.items
    channels.value = ways.items
    unread.value = ''
  } catch (failure) {
    unread.value = (failure as Error).message
  }
}

export async function decide(incident: string, decision: 'approve' | 'reject', note: string): Promise<Verdict> {
  return afterwards(operate<Verdict>('/notices/approve', { incident_id: incident, decision, note }))
}

export async function hold(kind: HoldKind, thing: string, note: string): Promise<Hold> {
  return afterwards(operate<Hold>('/notices/hold', { kind, thing, note }))
}

export async function release(id: string): Promise<Hold> {
  return afterwards(send<Hold>('POST', '/notices/release', { hold_id: id, note: '' }))
}

/** Whatever came of it, the picture is read again: somebody else may have been quicker. */
async function afterwards<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } finally {
    await refreshNotices()
  }
}

export const noticeRounds = rounds(refreshNotices, EVERY_MS)

export function stopNotices(): void {
  noticeRounds.end()
  pending.value = null
}
