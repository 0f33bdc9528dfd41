/** Paints who is out: the scopes of all open outages as feature state of the tiles. */

import type { Map as MapLibre } from 'maplibre-gl'

import { get } from '../api/client.ts'
import type { Outage, Scope } from '../api/types.ts'
import type { TileLayer } from './sources.ts'

const SUSPECTED = 1
const CONFIRMED = 2
type Painted = Map<string, number>

export class OutState {
  private readonly scopes = new Map<string, Scope>()
  private readonly asked = new Map<string, number>()
  private painted: Painted = new Map()
  private open: Outage[] = []
  private left = false

  constructor(private readonly map: MapLibre) {}

  /** Fetch the scopes that are new or revised, then repaint; a scope that fails comes with the next change. */
  async show(open: Outage[]): Promise<void> {
    this.open = open
    const current = new Set(open.map((outage) => outage.id))
    for (const id of this.scopes.keys()) if (!current.has(id)) this.scopes.delete(id)
    for (const id of this.asked.keys()) if (!current.has(id)) this.asked.delete(id)
    this.paint()
    await Promise.all(open.filter((outage) => this.asked.get(outage.id) !== outage.revision).map((o) => this.fetch(o)))
  }

  /** Where its customers are; nothing for a single one, or nobody: the place is the cause's. */
  async boundsOf(outageId: string): Promise<Scope['bounds'] | undefined> {
    const scope = this.scopes.get(outageId) ?? (await scopeOf(outageId).catch(() => undefined))
    return scope && scope.customers.length > 1 ? scope.bounds : undefined
  }

  private async fetch(outage: Outage): Promise<void> {
    this.asked.set(outage.id, outage.revision)
    try {
      const scope = await scopeOf(outage.id)
      if (!this.open.some((candidate) => candidate.id === outage.id)) return
      this.scopes.set(outage.id, scope)
      this.paint()
    } catch {
      this.asked.delete(outage.id)
    }
  }

  /** The map is taken away: answers that are still under way paint nothing. */
  leave(): void {
    this.left = true
  }

  private paint(): void {
    if (this.left) return
    const wanted: Painted = new Map()
    for (const outage of this.open) {
      const scope = this.scopes.get(outage.id)
      if (scope) spread(wanted, scope, outage.state === 'confirmed' ? CONFIRMED : SUSPECTED)
    }
    for (const [key, out] of wanted) if (this.painted.get(key) !== out) this.map.setFeatureState(feature(key), { out })
    for (const key of this.painted.keys()) if (!wanted.has(key)) this.map.removeFeatureState(feature(key), 'out')
    this.painted = wanted
  }
}

const scopeOf = (outageId: string): Promise<Scope> => get<Scope>(`/outages/${encodeURIComponent(outageId)}/scope`)

/** Where outages overlap the surer one shows. */
function spread(wanted: Painted, scope: Scope, out: number): void {
  const rows: [TileLayer, number[]][] = [
    ['lines', scope.edges], ['switches', scope.edges],
    ['transformers', scope.transformers], ['customers', scope.customers],
  ]
  for (const [layer, ids] of rows) {
    for (const id of ids) wanted.set(`${layer}/${id}`, Math.max(out, wanted.get(`${layer}/${id}`) ?? 0))
  }
}

function feature(key: string): { source: string; sourceLayer: string; id: number } {
  const [layer = '', id = ''] = key.split('/')
  return { source: layer, sourceLayer: layer, id: Number(id) }
}
