/** What the API answers to questions about supply: traces, isolation, restoration, what-if, switching. */

import type { Iso } from './types.ts'

export interface BackFeed {
  kind: 'pv_kw' | 'generator' | 'second_supply' | 'two_places'
  id: string
  told: string
}

export interface EdgeState {
  id: string
  kind: string
  name: string
  name_en: string
  phases: string
  closed: boolean
  normally_closed: boolean
  energised: boolean
}

export interface Opened extends EdgeState {
  feeds: boolean
}

export interface People {
  customers: number
  customer_ids: string[]
}

export type Direction = 'up' | 'down' | 'connected'

export interface Trace extends People {
  edges: EdgeState[]
  more: number
  stopped_at: EdgeState[]
  on_loop: boolean
}

export interface Isolation extends People {
  possible: boolean
  sources_inside: string[]
  open: Opened[]
  keep_open: EdgeState[]
  fuses: EdgeState[]
  in_zone: number
  back_feeds: BackFeed[]
}

export interface Loading {
  element: string
  rating_kva: number
  before_kva: number
  after_kva: number
}

export interface RestorationStep extends People {
  open: EdgeState[]
  close: EdgeState
  after_steps: number[]
  load_kva: number | null
  fits: 'yes' | 'no' | 'unknown'
  loading: Loading | null
  others: string[]
}

export interface NotClear {
  orders: string[]
  elsewhere: number
}

export interface Restoration {
  not_clear: NotClear
  isolation: Isolation
  check: string
  check_zh: string
  back_feeds: BackFeed[]
  loads: { measured: number; installed: number; unknown: number; diversity: number }
  steps: RestorationStep[]
  left: People
}

export interface Moved extends People {
  from_feeder: string
  to_feeder: string
}

export interface Loop {
  closing: string
  joins_sources: boolean
  edges: string[]
}

export interface WhatIf {
  open: EdgeState[]
  close: EdgeState[]
  loses: People
  gains: People
  moves: Moved[]
  loops: Loop[]
  on_generators: People
  back_feeds: BackFeed[]
  not_clear: NotClear
}

export interface Switching {
  element: string
  kind: string
  name: string
  name_en: string
  closed: boolean
  normally_closed: boolean
  since: Iso
  by: string
  note: string
  grid_id: string
  lon: number | null
  lat: number | null
  customers_fed: number | null
}
