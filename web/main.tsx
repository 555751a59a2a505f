import { hydrate } from 'preact'
import { Root } from './app.tsx'
import { loadPage } from './routes.ts'
import './theme.css'

const root = document.getElementById('app')
const startPath = location.pathname
const startPage = await loadPage(startPath, null)
if (root !== null) hydrate(<Root startPath={startPath} startPage={startPage} loadPage={loadPage} />, root)
