/** What is not in its normal position now: switches, jumpers, generators. */

import { shallowRef } from 'vue'

import { get } from '../api/client.ts'
import type { Page, Switching } from '../api/types.ts'
import { rounds } from './rounds.ts'

const EVERY_MS = 10_000

export const moved = shallowRef<Switching[]>([])
export const switchingRounds = rounds(refreshSwitching, EVERY_MS)

export async function refreshSwitching(): Promise<void> {
  try {
    moved.value = (await get<Page<Switching>>('/network/switching')).items
  } catch {
    // The live badge tells of a server that does not answer; the next round tries again.
  }
}

export const positionOf = (element: string): Switching | undefined => moved.value.find((one) => one.element === element)
