/** Which map layers the person has switched off. */

import { shallowRef } from 'vue'

export const LAYER_SWITCHES = ['lines-hv', 'lines-mv', 'lines-lv', 'transformers', 'switches', 'customers', 'cells', 'crews'] as const
export type LayerSwitch = (typeof LAYER_SWITCHES)[number]

export const hiddenLayers = shallowRef<ReadonlySet<LayerSwitch>>(new Set())

export function toggleLayer(name: LayerSwitch): void {
  const next = new Set(hiddenLayers.value)
  if (!next.delete(name)) next.add(name)
  hiddenLayers.value = next
}
