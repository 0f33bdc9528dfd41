/** Shapes of the HTTP door (`/api/openapi.json`). Times are ISO-8601 UTC. */

export type Iso = string
export type Bounds = [west: number, south: number, east: number, north: number]
export type Language = 'zh' | 'en'

import type { HandOver } from './desk.ts'
import type { BackFeed } from './grid.ts'

export * from './desk.ts'
export * from './grid.ts'

export type Role = 'admin' | 'dispatcher' | 'grid_manager' | 'crew' | 'supervisor' | 'auditor' | 'machine' | 'viewer'

export interface User {
  id: string
  username: string
  name: string
  role: Role
  crew_id: string | null
  grid_ids: string[]
  language: Language
}

export interface Session {
  user: User
  csrf_token: string
}

export interface GridCell {
  id: string
  name: string
  name_en: string
  bounds: Bounds
  crew_ids: string[]
}

export interface Bootstrap {
  network_hash: string
  bounds: Bounds
  counts: Record<'customers' | 'meters' | 'transformers' | 'lines' | 'switches', number>
  events_url: string
  demo: boolean
  language: Language
  time_zone: string
  grid_cells: GridCell[]
}

export interface Page<T> {
  items: T[]
  next_cursor: string | null
}

export interface Found {
  type: 'edge' | 'node' | 'customer' | 'meter' | 'terminal' | 'sensor'
  id: string
  name: string
  name_en: string
  kind: string
  lon: number | null
  lat: number | null
}

export interface GridElement {
  id: string
  type: string
  kind: string
  name: string
  name_en: string
  lon: number | null
  lat: number | null
  voltage_kv: number | null
  grid_id: string
  customers_below: number
  path: { id: string; kind: string; name: string; name_en: string }[]
  outage_id: string | null
  demo_failed: boolean
}

export type OutageState = 'suspected' | 'confirmed' | 'restored' | 'retracted' | 'merged'

export interface Cause {
  element: string
  kind: string
  name: string
  name_en: string
  equivalent: string[]
  lon: number | null
  lat: number | null
}

export interface Outage {
  id: string
  revision: number
  state: OutageState
  cause: Cause
  started_at: Iso
  restored_at: Iso | null
  probability: number
  expected: number
  low: number
  high: number
  customers_out: number
  phases: string
  low_phases: string
  customers_one_phase_missing: number
  key_customers: number
  vulnerable_customers: number
  grid_id: string
  grid_name: string
  area_names: string[]
  reasons: string[]
  network_hash: string
  updated_at: Iso
  merged_into: string
  owner_side: string
}

export interface Revision {
  revision: number
  at: Iso
  state: OutageState
  probability: number
  expected: number
  cause: Cause
  reasons: string[]
}

export interface ElementChance {
  element: string
  kind: string
  name: string
  name_en: string
  probability: number
}

export interface Alternative extends ElementChance {
  customers: number
  more: number
  fewer: number
}

export interface Settling {
  meter: string
  terminal: string
  bits: number
}

export interface Ping {
  meter: string
  reason: 'lone_sign' | 'before_crew' | 'doubtful_cut' | 'after_return'
  asked_at: Iso
  outcome: 'waiting' | 'alive' | 'off' | 'silent' | 'unanswered'
  at: Iso | null
}

export interface Sentence {
  section: string
  zh: string
  en: string
}

export interface Explanation {
  outage_id: string
  revision: number
  at: Iso
  probability: number
  dead: number
  doubt_bits: number
  owner_side: string
  elements: ElementChance[]
  alternatives: Alternative[]
  settling: Settling[]
  blocked_terminals: string[]
  pings: Ping[]
  sentences: Sentence[]
}

export type CorrectionKind = 'found_faulty' | 'found_sound' | 'customer_out' | 'customer_on' | 'invalid'

export interface Correction {
  outage_id: string
  kind: CorrectionKind
  things: string[]
  note: string
  said_at: Iso
  by: string
}

export interface OutageDetail extends Outage {
  explained_revision: number | null
  revisions: Revision[]
  orders: Order[]
  calls: number
}

export interface Scope {
  outage_id: string
  revision: number
  edges: number[]
  customers: number[]
  transformers: number[]
  bounds: Bounds
}

export interface AffectedCustomer {
  id: string
  name: string
  phone: string
  address_area: string
  class: string
  priority: string
  reason: 'below_cut' | 'also_out'
  out_probability: number | null
  why: Record<Language, string> | null
}

export interface DueTime {
  clock: string
  due_at: Iso
  rule: string
  basis: string
  provisional: boolean
  state: 'running' | 'at_risk' | 'met' | 'late'
}

export interface Order {
  id: string
  number: string
  type: string
  state: string
  revision: number
  outage_id: string
  incident_id: string
  grid_id: string
  crew_id: string
  crew_name: string
  element: string
  element_kind: string
  element_name: string
  lon: number | null
  lat: number | null
  customers: number
  priority: 'normal' | 'vulnerable' | 'key'
  created_at: Iso
  source: string
  customer_id: string
  parent_id: string
  title: Record<Language, string>
  state_title: Partial<Record<Language, string>>
  estimate_at: Iso | null
  appointment: Iso[] | null
  due: DueTime[]
  /** Steps that I may take now; null in the feed. */
  transitions: string[] | null
}

export interface OrderStep {
  step: string
  at: Iso
  by: string
  by_name: string
  note: string | null
  device_at: Iso | null
  happened_at: Iso
  time_source: 'server' | 'device' | 'paper' | 'no_offset' | 'implausible'
  behalf: string
  details: Record<string, unknown>
}

export interface OrderDetail extends Order {
  history: OrderStep[]
  hand_overs: HandOver[]
  dwell_s: Record<string, number>
  photos_missing: string[]
  back_feeds: BackFeed[]
  back_feeds_known: boolean
  /** Nobody of it is at the network; null: its kind of work asks for no clearance. */
  is_clear: boolean | null
}

export type CrewState = 'free' | 'travelling' | 'working'

export interface Crew {
  id: string
  name: string
  grid_ids: string[]
  state: CrewState
  lon: number | null
  lat: number | null
  position_at: Iso | null
  order_id: string | null
}

export interface Notice {
  id: string
  at: Iso
  outage_id: string
  kind: string
  channel: string
  recipient: string
  state: string
  text: string
}

export interface SourceAge {
  kind: string
  devices: number
  newest_at: Iso
  oldest_at: Iso
}

export interface Feeder {
  element: string
  name: string
  name_en: string
  customers: number
  observable_share: number
  newest_evidence_at: Iso | null
  oldest_terminal_age_s: number | null
  sources: SourceAge[]
  unheard: number
}

export interface Absence {
  id: string
  name: string
  address_area: string
  off_at: Iso
  on_at: Iso | null
}

export interface ReturnStep {
  at: Iso
  customers: number
}

export interface AbsencePage {
  items: Absence[]
  next_cursor: string | null
  customers: number
  still_out: number
  steps: ReturnStep[]
}

export interface Alarm {
  id: string
  rule: string
  name_zh: string
  name_en: string
  severity: string
  subject: string
  transformer: string
  transformer_name: string
  transformer_name_en: string
  grid_id: string
  since: Iso
  raised_at: Iso
  cleared_at: Iso | null
  worst: number | null
  meters: number
  swallowed_by: string
}

export type PlanState = 'announced' | 'in_window' | 'over' | 'cancelled'

export interface PlannedWork {
  element: string
  starts_at: Iso
  ends_at: Iso
  state: PlanState
  planned_by: string
  note: string
  cancelled_by: string
}

export interface Version {
  network_hash: string
  effective_at: Iso
  made_at: Iso
  made_by: string
  source: string
  note: string
}

export interface FeederProposal {
  feeder: string
  name: string
  state: string
  added: number
  removed: number
  changed: number
  findings: Record<string, number>
  together: string[]
}

export interface Proposal {
  id: number
  network_hash: string
  made_at: Iso
  made_by: string
  source: string
  set_aside: number
  settled_at: Iso | null
  outcome: string
  feeders: FeederProposal[]
}

export interface Problem {
  title: string
  status: number
  detail?: string
  /** What is wrong, whatever the language, and what that speaks of. */
  code?: string
  facts?: Record<string, unknown>
  errors?: { field: string; code?: string; message: string }[]
}
