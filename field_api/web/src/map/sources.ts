/** Our vector tiles, one source a layer, and the small overlays that the page itself draws. */

import type { StyleSpecification } from 'maplibre-gl'

export const TILE_LAYERS = ['lines', 'switches', 'transformers', 'customers', 'cells', 'areas'] as const
export type TileLayer = (typeof TILE_LAYERS)[number]

/** Deeper than this the same tile is stretched: the network is exact to centimetres there. */
const DEEPEST_TILE = 16
/** Customers have tiles from here on; below it the aggregated areas stand for them. */
export const CUSTOMERS_FROM = 13

export function tileSources(networkHash: string): StyleSpecification['sources'] {
  const sources: StyleSpecification['sources'] = {}
  for (const layer of TILE_LAYERS) {
    sources[layer] = {
      type: 'vector',
      tiles: [`${location.origin}/tiles/${layer}/{z}/{x}/{y}.mvt?v=${networkHash}`],
      minzoom: layer === 'customers' ? CUSTOMERS_FROM : 0,
      maxzoom: layer === 'areas' ? CUSTOMERS_FROM - 1 : DEEPEST_TILE,
    }
  }
  return sources
}
