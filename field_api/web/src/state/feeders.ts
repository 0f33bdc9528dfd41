/** How old and how complete our knowledge of each feeder is. */

import { computed, shallowRef } from 'vue'

import { get } from '../api/client.ts'
import type { Feeder, Page } from '../api/types.ts'
import { secondsSince } from '../format/time.ts'
import { nowMs } from './clock.ts'
import { rounds } from './rounds.ts'

const EVERY_MS = 15_000

export const feeders = shallowRef<Feeder[]>([])
/** When the server last answered at all: events alone cannot tell a dead line from a quiet night. */
export const answeredAt = shallowRef(0)
export const unanswered = shallowRef(false)

/** Age of the newest evidence of the feeder we know least about; null where one was never heard. */
export const oldestEvidenceS = computed<number | null>(() => {
  let oldest = 0
  for (const feeder of feeders.value.filter((candidate) => candidate.customers > 0)) {
    if (feeder.newest_evidence_at === null) return null
    oldest = Math.max(oldest, secondsSince(feeder.newest_evidence_at, nowMs.value))
  }
  return feeders.value.length ? oldest : null
})

/** Evidence older than this is called stale. */
export const STALE_S = 120

/** Share of all customers whose state we could tell now. */
export const observableShare = computed(() => {
  const customers = feeders.value.reduce((sum, feeder) => sum + feeder.customers, 0)
  const seen = feeders.value.reduce((sum, feeder) => sum + feeder.customers * feeder.observable_share, 0)
  return customers ? seen / customers : 0
})

export const feederRounds = rounds(refresh, EVERY_MS)

async function refresh(): Promise<void> {
  try {
    feeders.value = (await get<Page<Feeder>>('/feeders?limit=500')).items
    answeredAt.value = Date.now()
    unanswered.value = false
  } catch {
    unanswered.value = true // the live badge says so; the next round tries again
  }
}
