import vue from '@vitejs/plugin-vue'
import { defineConfig, loadEnv } from 'vite'

export default defineConfig(({ mode }) => {
  // The development server hands everything that is not a page to a running `gridcrew web`.
  const backend = loadEnv(mode, '.', 'GRIDCREW_')['GRIDCREW_WEB_URL'] ?? 'http://127.0.0.1:8440'
  return {
    plugins: [vue()],
    server: { proxy: { '/api': backend, '/tiles': backend, '/healthz': backend } },
    build: {
      target: 'es2022',
      assetsInlineLimit: 0, // data: addresses would need a wider content policy
      modulePreload: { polyfill: false },
      chunkSizeWarningLimit: 1500,
      rollupOptions: { output: { manualChunks: (id: string) => (id.includes('maplibre-gl') ? 'map' : undefined) } },
    },
  }
})
