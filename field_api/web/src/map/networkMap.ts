/** The map itself: MapLibre with our tiles, our symbols and nothing from elsewhere. */

import 'maplibre-gl/dist/maplibre-gl.css'

import { type FilterSpecification, Map as MapLibre, type PaddingOptions, setWorkerUrl } from 'maplibre-gl'
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url'

import type { Bootstrap, Bounds, Language } from '../api/types.ts'
import { addIcons } from './icons.ts'
import { palette, prefersDark } from './palette.ts'
import { layers, style } from './style.ts'

const FONTS = '"Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif'
const CLICK_REACH_PX = 6
const NARROW_PX = 700
const SEARCH_BOX_PX = 48
const PICKABLE = ['transformers-dot', 'transformers', 'switches-open', 'switches-closed', 'customers', 'lines-hv', 'lines-mv', 'lines-lv']

type PaintName = Parameters<MapLibre['setPaintProperty']>[1]

setWorkerUrl(workerUrl)

/** Throws where the browser has no WebGL2: the caller shows the page without a map. */
export function createNetworkMap(container: HTMLElement, site: Bootstrap, onPick: (element: string) => void): MapLibre {
  const map = new MapLibre({
    container,
    style: style(palette(), site.network_hash),
    bounds: site.bounds,
    fitBoundsOptions: { padding: fitPadding(container) },
    attributionControl: false,
    localIdeographFontFamily: FONTS,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    maxZoom: 20,
    fadeDuration: 120,
  })
  map.touchZoomRotate.disableRotation()
  map.keyboard.disableRotation()
  map.once('style.load', () => addIcons(map))
  map.on('click', ({ point }) => {
    const element = elementAt(map, point.x, point.y)
    if (element) onPick(element)
  })
  map.on('mousemove', ({ point }) => {
    map.getCanvas().style.cursor = elementAt(map, point.x, point.y) ? 'pointer' : ''
  })
  keepOverview(map, site.bounds)
  prefersDark.addEventListener('change', () => recolour(map))
  return map
}

export function fit(map: MapLibre, bounds: Bounds, maxZoom = 17): void {
  map.fitBounds(bounds, { padding: fitPadding(map.getContainer()), maxZoom, duration: 700 })
}

/** Until somebody moves the map, a change of its size shows the whole network again. */
function keepOverview(map: MapLibre, bounds: Bounds): void {
  let moved = false
  map.on('movestart', (event) => (moved ||= event.originalEvent !== undefined || map.isMoving()))
  map.on('resize', () => {
    if (!moved) map.jumpTo(map.cameraForBounds(bounds, { padding: fitPadding(map.getContainer()) }) ?? {})
  })
}

/** Marks one element and its way to the source; equivalents of a cause are marked like it. */
export function mark(map: MapLibre, chosen: string[], path: string[]): void {
  const among = (ids: string[]): FilterSpecification => ['in', ['get', 'element'], ['literal', ids]]
  map.setFilter('lines-chosen', among(chosen))
  map.setFilter('lines-path', among(path))
}

/** Names on the map in the person's language; in English never a Chinese one. */
export function speak(map: MapLibre, language: Language): void {
  map.setLayoutProperty('transformers-name', 'text-field', language === 'zh' ? ['get', 'name'] : ['case', ['==', ['coalesce', ['get', 'name_en'], ''], ''], ['get', 'element'], ['get', 'name_en']])
}

/** What was moved has a pin of its own: the drawing of its normal position would contradict it. */
export function hideMoved(map: MapLibre, moved: string[]): void {
  for (const [id, closed] of [['switches-closed', true], ['switches-open', false]] as const) {
    map.setFilter(id, ['all', ['==', ['get', 'closed'], closed], ['!', ['in', ['get', 'element'], ['literal', moved]]]])
  }
}

export function showLayer(map: MapLibre, name: string, visible: boolean): void {
  for (const id of map.getLayersOrder()) {
    if (id === name || id.startsWith(`${name}-`)) map.setLayoutProperty(id, 'visibility', visible ? 'visible' : 'none')
  }
}

function elementAt(map: MapLibre, x: number, y: number): string {
  if (!map.isStyleLoaded()) return ''
  const reach = CLICK_REACH_PX
  const found = map.queryRenderedFeatures([[x - reach, y - reach], [x + reach, y + reach]], { layers: PICKABLE })
  const best = found.sort((a, b) => PICKABLE.indexOf(a.layer.id) - PICKABLE.indexOf(b.layer.id))[0]
  return String(best?.properties['element'] ?? '')
}

/** Room at the edges; on a narrow map the search box lies across the top. */
function fitPadding(container: HTMLElement): PaddingOptions {
  const all = Math.round(Math.min(container.clientWidth, container.clientHeight) * 0.05)
  return { left: all, right: all, bottom: all, top: container.clientWidth < NARROW_PX ? SEARCH_BOX_PX + all : all }
}

function recolour(map: MapLibre): void {
  for (const layer of layers(palette())) {
    for (const [name, value] of Object.entries(layer.paint ?? {})) map.setPaintProperty(layer.id, name as PaintName, value)
  }
}
