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
