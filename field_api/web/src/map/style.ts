/** What the map draws and how, as one list of layers made from a palette. */

import type { ExpressionSpecification as Expression, LayerSpecification, StyleSpecification } from 'maplibre-gl'

import type { Palette } from './palette.ts'
import { CUSTOMERS_FROM, tileSources } from './sources.ts'

/** Feature state `out`: 0 or missing nothing known, 1 suspected, 2 confirmed. */
const OUT: Expression = ['coalesce', ['feature-state', 'out'], 0]

function byState(healthy: Expression | string | number, suspected: string | number, dead: string | number): Expression {
  return ['case', ['==', OUT, 2], dead, ['==', OUT, 1], suspected, healthy] as Expression
}

function byZoom(...stops: (number | Expression)[]): Expression {
  return ['interpolate', ['exponential', 1.5], ['zoom'], ...stops] as Expression
}

const thick = (lv: number, above: number): Expression => ['match', ['get', 'level'], 'lv', lv, above]

const NOTHING: Expression = ['==', ['get', 'element'], '']

function lineLayers(colours: Palette): LayerSpecification[] {
  const source = { source: 'lines', 'source-layer': 'lines', type: 'line' } as const
  const layout = { 'line-cap': 'round', 'line-join': 'round' } as const
  const level = (name: string, width: Expression, minzoom: number): LayerSpecification => ({
    ...source, id: `lines-${name}`, minzoom, layout, filter: ['==', ['get', 'level'], name],
    paint: {
      'line-color': byState(colours[name as 'hv'], colours.suspected, colours.dead),
      'line-width': width,
      'line-opacity': name === 'lv' ? byZoom(12, byState(0.5, 1, 1), 15, 1) : 1,
    },
  })
  return [
    {
      ...source, id: 'lines-out', layout,
      paint: {
        'line-color': byState(colours.background, colours.suspected, colours.dead),
        'line-opacity': byState(0, 0.2, 0.24),
        'line-width': byZoom(11, thick(2, 4), 14, thick(2.5, 10), 18, thick(10, 24)),
      },
    },
    { ...source, id: 'lines-path', layout, filter: NOTHING, paint: { 'line-color': colours.chosen, 'line-opacity': 0.35, 'line-width': byZoom(11, 4, 14, 9, 18, 20) } },
    level('lv', byZoom(13, 0.5, 15, 1.1, 18, 3), 12.5),
    level('mv', byZoom(9, 0.8, 12, 1.5, 15, 2.6, 18, 5), 0),
    level('hv', byZoom(9, 1.8, 12, 3, 15, 4.5, 18, 7), 0),
    { ...source, id: 'lines-chosen', layout, filter: NOTHING, paint: { 'line-color': colours.chosen, 'line-width': byZoom(11, 2, 14, 3.5, 18, 8), 'line-dasharray': [1.6, 1.4] } },
  ]
}

function deviceLayers(colours: Palette): LayerSpecification[] {
  const transformers = { source: 'transformers', 'source-layer': 'transformers' } as const
  const switches = { source: 'switches', 'source-layer': 'switches', type: 'symbol' } as const
  const colour = byState(colours.device, colours.suspected, colours.dead)
  const free = { 'icon-allow-overlap': true, 'icon-ignore-placement': true } as const
  return [
    {
      ...switches, id: 'switches-closed', minzoom: 16, filter: ['==', ['get', 'closed'], true],
      layout: { ...free, 'icon-image': 'switch-closed', 'icon-size': byZoom(16, 0.35, 19, 0.9) },
      paint: { 'icon-color': colour, 'icon-opacity': 0.85 },
    },
    {
      ...transformers, id: 'transformers-dot', type: 'circle',
      paint: {
        'circle-radius': byZoom(11, 2.2, 13, 4, 15, 9, 18, 17),
        'circle-color': byState(colours.paper, colours.paper, colours.paper),
        'circle-stroke-color': byState(colours.mv, colours.suspected, colours.dead),
        'circle-stroke-width': byState(1.3, 2.6, 3.2),
      },
    },
    {
      ...transformers, id: 'transformers', type: 'symbol', minzoom: 13.6,
      layout: { ...free, 'icon-image': 'transformer', 'icon-size': byZoom(13.5, 0.34, 15, 0.6, 18, 1.05) },
      paint: { 'icon-color': colour },
    },
    {
      ...switches, id: 'switches-open', minzoom: 11, filter: ['==', ['get', 'closed'], false],
      layout: { ...free, 'icon-image': 'switch-open', 'icon-size': byZoom(11, 0.45, 15, 0.85, 18, 1.4) },
      paint: { 'icon-color': colours.device, 'icon-halo-color': colours.halo, 'icon-halo-width': 2 },
    },
    {
      ...transformers, id: 'transformers-name', type: 'symbol', minzoom: 15.5,
      layout: { 'text-field': ['get', 'name'], 'text-font': ['sans'], 'text-size': 11, 'text-offset': [0, 1.7], 'text-anchor': 'top', 'text-optional': true },
      paint: { 'text-color': colours.label, 'text-halo-color': colours.halo, 'text-halo-width': 1.5 },
    },
  ]
}

function customerLayers(colours: Palette): LayerSpecification[] {
  const first: Expression = ['in', ['to-string', ['get', 'priority']], ['literal', ['key', 'vulnerable', '1', '2']]]
  return [
    {
      id: 'customers', type: 'circle', source: 'customers', 'source-layer': 'customers', minzoom: CUSTOMERS_FROM,
      paint: {
        'circle-radius': byZoom(13, 0.9, 15, 2.2, 18, 6),
        'circle-color': byState(colours.lv, colours.suspected, colours.dead),
        'circle-opacity': byState(0.75, 1, 1),
        'circle-stroke-color': ['case', first, colours.key, colours.halo],
        'circle-stroke-width': ['interpolate', ['linear'], ['zoom'], 13, 0, 15, ['case', first, 1.4, 0], 18, ['case', first, 3, 0.5]],
      },
    },
    {
      id: 'areas', type: 'circle', source: 'areas', 'source-layer': 'areas', maxzoom: CUSTOMERS_FROM,
      paint: {
        'circle-radius': ['interpolate', ['linear'], ['sqrt', ['coalesce', ['get', 'customers'], 0]], 0, 2, 40, 26],
        'circle-color': colours.lv, 'circle-opacity': 0.18,
      },
    },
  ]
}

function cellLayers(colours: Palette): LayerSpecification[] {
  const source = { source: 'cells', 'source-layer': 'cells' } as const
  return [
    { ...source, id: 'cells', type: 'fill', paint: { 'fill-color': colours.cell, 'fill-antialias': false } },
    { ...source, id: 'cells-edge', type: 'line', paint: { 'line-color': colours.cellEdge, 'line-width': 1.2, 'line-dasharray': [4, 3] } },
  ]
}

/** All layers, bottom first. Ids start with the name of the layer switch that shows them. */
export function layers(colours: Palette): LayerSpecification[] {
  return [
    { id: 'background', type: 'background', paint: { 'background-color': colours.background } },
    ...cellLayers(colours),
    ...customerLayers(colours),
    ...lineLayers(colours),
    ...deviceLayers(colours),
  ]
}

export function style(colours: Palette, networkHash: string): StyleSpecification {
  return { version: 8, sources: tileSources(networkHash), layers: layers(colours) }
}
