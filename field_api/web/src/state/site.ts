/** What does not change while the page is open: network, grid cells, where events come from. */

import { shallowRef } from 'vue'

import { get } from '../api/client.ts'
import type { Bootstrap } from '../api/types.ts'
import { useZone } from '../format/time.ts'
import { language } from '../i18n/index.ts'

export const site = shallowRef<Bootstrap | null>(null)

export async function loadSite(): Promise<Bootstrap> {
  site.value = await get<Bootstrap>('/bootstrap')
  useZone(site.value.time_zone)
  return site.value
}

/** An area that bears a grid cell's name, in the person's language; any other as it is. */
export function areaName(name: string): string {
  const cell = site.value?.grid_cells.find((candidate) => candidate.name === name)
  return cell ? gridName(cell.id) : name
}

export function gridName(id: string): string {
  const cell = site.value?.grid_cells.find((candidate) => candidate.id === id)
  if (!cell) return id
  return (language.value === 'zh' ? cell.name : cell.name_en) || cell.name
}
