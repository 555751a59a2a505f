import { hydrate } from 'preact'
import { Root } from './app.tsx'
import { loadPage } from './routes.ts'
import './theme.css'

/** A form that somebody quick sent before its page came alive: sent for real as soon as it can be. */
let early: HTMLFormElement | null = null
const hold = (event: SubmitEvent): void => {
  event.preventDefault()
  if (event.target instanceof HTMLFormElement) early = event.target
}
document.addEventListener('submit', hold)

const root = document.getElementById('app')
const startPath = location.pathname
const isPage = document.title !== 'Not found · Vestibule'
const startPage = await loadPage(isPage ? startPath : '/404', null)
document.removeEventListener('submit', hold)
if (root !== null) hydrate(<Root startPath={startPath} startPage={startPage} loadPage={loadPage} />, root)
// After the first effects, in which a form takes over what was entered so far.
setTimeout(() => early?.requestSubmit())
