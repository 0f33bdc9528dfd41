/** Pictures on their way to the server: announced once, sent in parts, gone on with by themselves after a gap. */

import { reactive, shallowReactive } from 'vue'

import { RequestFailed, send, sendPart } from '../api/client.ts'
import type { Photo } from '../api/types.ts'
import { ulid } from '../format/ulid.ts'
import { t } from '../i18n/index.ts'
import { dropPhoto, keepPhoto, type KeptPhoto, keptPhotos } from './photoStore.ts'

const PART_BYTES = 256 * 1024
const MOST_BYTES = 20 * 1024 * 1024
export const PHOTO_TYPES = ['image/jpeg', 'image/png', 'image/webp'] as const
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000
/** Answers that another try may change: a login, a pause, bytes that were lost on the way, no room as yet. */
const TRY_AGAIN: readonly number[] = [401, 408, 409, 429, 507]

export interface LeavingPhoto {
  id: string
  order: string
  caption: string
  size: number
  received: number
  state: 'waiting' | 'sending' | 'refused'
  problem: string
}

export const leavingPhotos = reactive(new Map<string, LeavingPhoto>())
/** By order, how many of mine have arrived since the page was opened: what shows them is read again. */
export const arrivedPhotos = shallowReactive(new Map<string, number>())

/** As they are kept: no proxies, the browser's store takes none. */
const kept = new Map<string, KeptPhoto>()
let person = ''
let sending = false
let pauseMs = FIRST_PAUSE_MS
let retry: ReturnType<typeof setTimeout> | undefined

/** Goes on with what this person's browser still holds. */
export async function beginPhotos(user: string): Promise<void> {
  person = user
  for (const photo of await keptPhotos(user).catch(() => [])) hold(photo)
  void sendPhotos()
}

export function endPhotos(): void {
  clearTimeout(retry)
  person = ''
  leavingPhotos.clear()
  kept.clear()
}

/** Takes pictures for an order; raises in words what is no picture that the server would keep. */
export async function takePhotos(order: string, files: File[], caption: string): Promise<void> {
  for (const file of files) {
    check(file)
    const photo: KeptPhoto = {
      id: ulid(Date.now()), user: person, order, caption, takenAt: new Date(file.lastModified).toISOString(), sha256: await sha256Of(file), file,
    }
    await keepPhoto(photo).catch(() => undefined) // without a store it lives as long as the page
    hold(photo)
  }
  void sendPhotos()
}

export async function forgetPhoto(id: string): Promise<void> {
  leavingPhotos.delete(id)
  kept.delete(id)
  await dropPhoto(id).catch(() => undefined)
}

/** One after the other, in one window of the browser at a time. */
export async function sendPhotos(): Promise<void> {
  clearTimeout(retry)
  if (sending || !kept.size) return
  sending = true
  try {
    await exclusively(async () => {
      for (const photo of [...kept.values()]) await sendPhoto(photo)
    })
  } finally {
    sending = false
  }
  if (![...leavingPhotos.values()].some((photo) => photo.state === 'waiting')) return
  retry = setTimeout(() => void sendPhotos(), pauseMs)
  pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
}

addEventListener('online', () => {
  pauseMs = FIRST_PAUSE_MS
  void sendPhotos()
})

function hold(photo: KeptPhoto): void {
  kept.set(photo.id, photo)
  leavingPhotos.set(photo.id, {
    id: photo.id, order: photo.order, caption: photo.caption, size: photo.file.size, received: 0, state: 'waiting', problem: '',
  })
}

function check(file: File): void {
  if (!(PHOTO_TYPES as readonly string[]).includes(file.type)) throw new Error(t('photos.other_type'))
  if (!file.size || file.size > MOST_BYTES) throw new Error(t('photos.other_size', { n: MOST_BYTES / 1024 / 1024 }))
  if (!window.isSecureContext) throw new Error(t('photos.insecure'))
}

async function sha256Of(file: Blob): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()))
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

function exclusively(work: () => Promise<void>): Promise<void> {
  return navigator.locks ? navigator.locks.request('gridcrew.photos', work) : work()
}

async function sendPhoto(photo: KeptPhoto): Promise<void> {
  const shown = leavingPhotos.get(photo.id)
  if (!shown || shown.state === 'refused') return
  shown.state = 'sending'
  try {
    await sendParts(photo, shown)
    pauseMs = FIRST_PAUSE_MS
    arrivedPhotos.set(photo.order, (arrivedPhotos.get(photo.order) ?? 0) + 1)
    await forgetPhoto(photo.id)
  } catch (failure) {
    const answer = failure instanceof RequestFailed ? failure : null
    shown.state = answer && answer.status < 500 && !TRY_AGAIN.includes(answer.status) ? 'refused' : 'waiting'
    shown.problem = answer?.message ?? ''
  }
}

/** Announcing it again tells how much of it is there. */
async function sendParts(photo: KeptPhoto, shown: LeavingPhoto): Promise<void> {
  const { file } = photo
  const announced = { order_id: photo.order, size: file.size, sha256: photo.sha256, content_type: file.type, taken_at: photo.takenAt }
  let there = await send<Photo>('POST', '/photos', { id: photo.id, ...announced, ...(photo.caption ? { caption: photo.caption } : {}) })
  while (there.state === 'announced') {
    shown.received = there.received
    const part = file.slice(there.received, there.received + PART_BYTES)
    there = await sendPart<Photo>(`/photos/${photo.id}/content`, part, there.received, file.size)
  }
  if (there.state === 'refused') throw new RequestFailed(422, { title: there.problem, status: 422 })
}
