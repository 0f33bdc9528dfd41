import './styles/tokens.css'
import './styles/base.css'
import './styles/frame.css'
import './styles/lists.css'
import './styles/details.css'
import './styles/map.css'
import './styles/page.css'
import './styles/desk.css'
import './styles/records.css'

import { createApp } from 'vue'

import App from './App.vue'

createApp(App).mount('#app')
