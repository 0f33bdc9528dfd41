/** The one way to the server: JSON, session cookie, CSRF header, problems as errors. */

import { language, t } from '../i18n/index.ts'
import type { Problem } from './types.ts'

const TIMEOUT_MS = 15_000
/** For a part of a picture where the signal is poor. */
const PART_TIMEOUT_MS = 60_000
const CSRF_HEADER = 'X-CSRF-Token'
const TAGS = { zh: 'zh-CN', en: 'en' } as const

let csrfToken = ''
let onLoggedOut: () => void = () => undefined

export class RequestFailed extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
  ) {
    super(said(problem))
  }
}

/** The server's words, in the page's language: what is wrong, and with which fields. */
function said(problem: Problem): string {
  const fields = (problem.errors ?? []).map((one) => `${one.field}: ${one.message}`)
  return [problem.detail || problem.title, ...fields].join(' · ')
}

export function useCsrfToken(token: string): void {
  csrfToken = token
}

export function whenLoggedOut(handler: () => void): void {
  onLoggedOut = handler
}

export function get<T>(path: string): Promise<T> {
  return request<T>('GET', path)
}

export function send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T> {
  if (body === undefined) return request<T>(method, path)
  return request<T>(method, path, { 'Content-Type': 'application/json' }, { body: JSON.stringify(body) })
}

/** Bytes of something of `total` bytes that begin at `from`. */
export function sendPart<T>(path: string, part: Blob, from: number, total: number): Promise<T> {
  const range = `bytes ${from}-${from + part.size - 1}/${total}`
  const headers = { 'Content-Type': 'application/octet-stream', 'Content-Range': range }
  return request<T>('PUT', path, headers, { body: part, signal: AbortSignal.timeout(PART_TIMEOUT_MS) })
}

async function request<T>(method: string, path: string, more: Record<string, string> = {}, how: RequestInit = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json', 'Accept-Language': TAGS[language.value], ...more }
  if (method !== 'GET') headers[CSRF_HEADER] = csrfToken
  const init: RequestInit = { method, headers, credentials: 'same-origin', signal: AbortSignal.timeout(TIMEOUT_MS), ...how }
  const response = await fetch(`/api/v1${path}`, init).catch(() => {
    throw new Error(t('app.unreached'))
  })
  if (response.ok) return (response.status === 204 ? undefined : await response.json()) as T
  if (response.status === 401) onLoggedOut()
  throw new RequestFailed(response.status, await problemOf(response))
}

async function problemOf(response: Response): Promise<Problem> {
  const unreadable = { title: response.statusText || `HTTP ${response.status}`, status: response.status }
  try {
    return { ...unreadable, ...((await response.json()) as Problem) }
  } catch {
    return unreadable
  }
}
