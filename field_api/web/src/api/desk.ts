/** What dispatchers decide about: notices that wait, the plan of crews' work, steps of orders, records. */

import type { Iso, Language, Order } from './types.ts'

export type NoticeKind = 'outage' | 'progress' | 'correction' | 'restored' | 'planned' | 'temporary' | 'planned_cancelled'

export interface PendingNotice {
  incident_id: string
  outage_id: string
  kind: NoticeKind
  text: string
  since: Iso
  messages: number
  to_key: number
  to_vulnerable: number
  to_liaisons: number
  customers: number
  key_customers: number
  waits: ('large' | 'key_customer')[]
}

export interface Verdict {
  decision: 'approve' | 'reject'
  customers: number
}

export type HoldKind = 'all' | 'feeder' | 'outage'

export interface Hold {
  id: string
  kind: HoldKind
  thing: string
  at: Iso
  by_name: string
  note: string
  released_at: Iso | null
  released_by: string
  released_note: string
}

export interface Channel {
  name: string
  failing_since: Iso | null
  problem: string
  reported: boolean
}

export interface PlanReason {
  code: string
  zh: string
  en: string
}

export interface Estimate {
  at: Iso
  by: 'crew' | 'computed'
}

export interface PlannedOrder {
  order_id: string
  order_number: string
  order_type: string
  revision: number
  grid_id: string
  outage_id: string
  crew_id: string
  reasons: PlanReason[]
}

export interface Visit extends PlannedOrder {
  running: '' | 'taken' | 'under_way' | 'on_site'
  begins_at: Iso
  finishes_at: Iso
  drive_minutes: number
  proposed: boolean
  proposed_since: Iso | null
  runners_up: RunnerUp[]
  restored: Estimate | null
}

export interface CrewPlan {
  crew_id: string
  crew_name: string
  visits: Visit[]
}

export interface OutageTime {
  outage_id: string
  grid_id: string
  restored: Estimate
}

export interface DispatchPlan {
  number: number
  at: Iso
  storm: boolean
  kept: boolean
  customer_minutes: number
  late_minutes: number
  crews: CrewPlan[]
  left: PlannedOrder[]
  outages: OutageTime[]
}

export interface Assignment {
  order_id: string
  crew_id: string
  taken: boolean
  problem: string
}

export interface Assignments {
  items: Assignment[]
}

/** A field of a work type's form, as far as JSON Schema is used in them. */
export interface FormField {
  title?: string
  type?: 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object'
  enum?: (string | number)[]
  const?: unknown
  format?: string
  pattern?: string
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
}

export interface WorkStep {
  name: string
  sources: string[]
  target: string
  roles: string[]
  needs: string[]
  fields: string[]
  photos: number
}

export interface WorkType {
  name: string
  title: Record<Language, string>
  states: Record<string, Record<Language, string>>
  closed_states: string[]
  paused_states: Record<string, string>
  incident_job: boolean
  steps: WorkStep[]
  form: { properties?: Record<string, FormField> }
}

export interface Photo {
  id: string
  by_name: string
  state: 'announced' | 'complete' | 'refused'
  problem: string
  received: number
  taken_at: Iso
  caption: string
  completed_at: Iso | null
}

export interface RunnerUp {
  crew_id: string
  crew_name: string
  begins_at: Iso
  reasons: PlanReason[]
}

export interface Breach {
  sequence: number
  until: number
  kind: 'missing' | 'unlinked' | 'altered' | 'other_head' | 'cut_off'
}

/** So many rows of the audit record at a time. */
export interface Chain {
  checked: number
  last: number
  hash: string
  newest: number
  next_after: number | null
  breaches: Breach[]
}

export interface Incident {
  id: string
  outage_ids: string[]
  orders: Order[]
}

export interface CalendarDay {
  day: string
  is_work: boolean
  source: string
  published: boolean
}

export interface CalendarChange {
  at: Iso
  by_name: string
  source: string
  published: boolean
  own: boolean
  days: number
}

export interface CalendarYear {
  year: number
  published: boolean
  working_days: number
  days: CalendarDay[]
  changes: CalendarChange[]
}

export interface AuditRow {
  sequence: number
  at: Iso
  action: string
  subject: string
  actor_id: string
  actor_name: string
  address: string
  details: Record<string, string>
  hash: string
}

export interface HandOver {
  from_crew: string
  to_crew: string
  at: Iso
  spoken_at: Iso | null
  accepted_at: Iso | null
}
