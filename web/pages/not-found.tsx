import { PageTitle } from '../parts/common.tsx'

export const NotFound = () => (
  <div class="stack">
    <PageTitle title="Not found">There is nothing at this address</PageTitle>
    <p>The page may have moved, or the address was copied only in part.</p>
    <p>
      <a href="/">Go to the start</a>
    </p>
  </div>
)

export const SupportHome = () => (
  <div class="stack">
    <PageTitle title="Support">You are signed in as support</PageTitle>
    <p>There is nothing for you to do in the browser yet. Your password, sessions and API tokens are in Settings.</p>
    <p>
      <a href="/settings">Open Settings</a>
    </p>
  </div>
)
