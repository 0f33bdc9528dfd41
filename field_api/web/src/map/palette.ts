/** Colours of the map. A healthy network is neutral: no colour here says "on". */

export interface Palette {
  background: string
  cell: string
  cellEdge: string
  label: string
  halo: string
  hv: string
  mv: string
  lv: string
  device: string
  paper: string
  key: string
  dead: string
  suspected: string
  chosen: string
}

const LIGHT: Palette = {
  background: '#eef2f5', cell: '#f8fafb', cellEdge: '#b4c2ce', label: '#566878', halo: '#f8fafb',
  hv: '#4b2e83', mv: '#23628f', lv: '#93a7b8', device: '#34495c', paper: '#ffffff', key: '#7a5b00',
  dead: '#cf1124', suspected: '#d97700', chosen: '#0b74de',
}

const DARK: Palette = {
  background: '#0c131a', cell: '#111b24', cellEdge: '#31475a', label: '#93a7b8', halo: '#0c131a',
  hv: '#b99bff', mv: '#5da9de', lv: '#4a6074', device: '#b8c7d3', paper: '#16222d', key: '#ffd24d',
  dead: '#ff4d5e', suspected: '#ffab3d', chosen: '#6ab7ff',
}

export const prefersDark = matchMedia('(prefers-color-scheme: dark)')

export function palette(): Palette {
  return prefersDark.matches ? DARK : LIGHT
}
