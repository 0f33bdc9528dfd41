/** Planned work of my grid cells, read when a list of it is open. */

import { shallowRef } from 'vue'

import { get } from '../api/client.ts'
import type { Page, PlannedWork } from '../api/types.ts'

export const plans = shallowRef<PlannedWork[] | null>(null)

export async function refreshPlans(): Promise<void> {
  try {
    plans.value = (await get<Page<PlannedWork>>('/planned-work')).items
  } catch {
    plans.value ??= null // the list goes on saying that it loads; the next opening tries again
  }
}
