/**
 * What a person does, once: it keeps its id and what it was decided upon until the server has answered.
 *
 * A click after a lost answer sends the very same again, and the server gives the answer that was lost.
 * Other words are another operation; so are the same words once they were answered, or after a while.
 */

import { RequestFailed, send } from '../api/client.ts'
import { ulid } from '../format/ulid.ts'

interface Attempt {
  body: object
  begunMs: number
}

/** Longer ago nobody means that click any more. */
const KEPT_MS = 15 * 60_000
const FIRST_SERVER_FAULT = 500

const unanswered = new Map<string, Attempt>()

/**
 * The answer to POST `path` with an `operation_id` and
 *
 * - `said`: what the person decided;
 * - `seen`: upon what and when (a revision, an instant), as it was at the first try;
 * - `sending`: what is told of each try for itself.
 */
export async function operate<T>(path: string, said: object, seen: object = {}, sending: object = {}): Promise<T> {
  const nowMs = Date.now()
  for (const [key, { begunMs }] of unanswered) if (nowMs - begunMs > KEPT_MS) unanswered.delete(key)
  const key = `${path} ${JSON.stringify(said)}`
  const attempt = unanswered.get(key) ?? { body: { operation_id: ulid(nowMs), ...seen, ...said }, begunMs: nowMs }
  unanswered.set(key, attempt)
  try {
    const answer = await send<T>('POST', path, { ...attempt.body, ...sending })
    unanswered.delete(key)
    return answer
  } catch (failure) {
    if (failure instanceof RequestFailed && failure.status < FIRST_SERVER_FAULT) unanswered.delete(key)
    throw failure
  }
}

/** Nothing of one person is repeated in the name of another. */
export function forgetOperations(): void {
  unanswered.clear()
}
