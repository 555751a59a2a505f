import { hydrate } from 'preact'
import { Root } from './app.tsx'
import { loadPage } from './routes.ts'
import './theme.css'

const root = document.getElementById('app')
const startPath = location.pathname
const isPage = document.title !== 'Not found · Vestibule'
const startPage = await loadPage(isPage ? startPath : '/404', null)
if (root !== null) hydrate(<Root startPath={startPath} startPage={startPage} loadPage={loadPage} />, root)
// Where any of this failed, it stays, and the style sheet shows it after a while.
document.getElementById('not-ready')?.remove()
