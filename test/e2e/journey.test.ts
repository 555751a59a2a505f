import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CREDENTIALS, PASSWORD } from '../support/harness.ts'
import { type RunningProduct, startProduct } from '../support/running-product.ts'
import { findChromium, launchChromium, takeScreenshots, watchPage } from './chromium.ts'
import { inviteTenant, joinAsAdmin } from './people.ts'

const chromiumPath = findChromium('the journey in a browser was')

const AGENT_NAME = 'Babbage'
const NEW_PASSWORD = 'an umbrella over the harbour'

describe.skipIf(chromiumPath === null)('the journey in a browser', () => {
  let product: RunningProduct
  let browser: Browser
  const tooWide: string[] = []
  const look = async (page: Page, name: string): Promise<void> => {
    tooWide.push(...(await takeScreenshots(page, name)))
  }

  beforeAll(async () => {
    product = await startProduct()
    browser = await launchChromium(chromiumPath ?? '')
  })

  afterAll(async () => {
    await browser?.close()
    await product?.stop()
  })

  it('takes the first admin and an invited tenant all the way', async () => {
    const adminContext = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] })
    const admin = await adminContext.newPage()
    const complaints = watchPage(admin, product.url)

    await admin.goto(product.adminInviteLink)
    await admin.getByText('invited admin@example.com').waitFor()
    expect(admin.url()).toBe(`${product.url}/join`)
    await look(admin, '01-join-admin')
    await admin.getByLabel('Choose a password', { exact: true }).fill('too short')
    await admin.getByText('6 to go.').waitFor()
    await admin.getByRole('button', { name: 'Create my account' }).click()
    await admin.getByRole('link', { name: /This is too short/ }).waitFor()
    await look(admin, '02-join-weak-password')
    await admin.getByLabel('Choose a password', { exact: true }).fill(PASSWORD)
    await admin.getByRole('button', { name: 'Create my account' }).click()
    await admin.getByRole('heading', { name: 'Invites', exact: true }).waitFor()

    await admin.getByLabel('E-mail address to invite').fill('ada@example.com')
    await admin.getByLabel('Name of the new tenant').fill('Analytical Engines')
    await admin.getByRole('button', { name: 'Create the invite' }).click()
    await admin.getByText('The link for ada@example.com').waitFor()
    await admin.getByRole('button', { name: 'Copy' }).click()
    await admin.getByText('Copied.').waitFor()
    const link = await admin.evaluate(() => navigator.clipboard.readText())
    expect(link).toMatch(/\/join#vst_inv_/)
    await look(admin, '03-invites')

    const adaContext = await browser.newContext()
    const ada = await adaContext.newPage()
    complaints.push(...watchPage(ada, product.url))
    await ada.goto(link)
    await ada.getByRole('heading', { name: 'Join Analytical Engines' }).waitFor()
    await look(ada, '04-join')
    await ada.getByLabel('Choose a password', { exact: true }).fill(PASSWORD)
    await ada.getByRole('button', { name: 'Create my account' }).click()
    await ada.getByRole('heading', { name: 'Your agents' }).waitFor()
    await look(ada, '05-dashboard-empty')

    await ada.getByRole('link', { name: 'Onboard your first agent' }).click()
    await ada.getByRole('textbox', { name: 'Name' }).fill(AGENT_NAME)
    await ada.getByLabel('Do not allow it').check()
    await ada.reload()
    await expect.poll(() => ada.getByRole('textbox', { name: 'Name' }).inputValue()).toBe(AGENT_NAME)
    await expect.poll(() => ada.getByLabel('Do not allow it').isChecked()).toBe(true)
    await ada.getByLabel('Allow it', { exact: true }).check()
    await ada.getByRole('button', { name: 'Onboard the agent' }).click()
    await ada.getByRole('link', { name: /Claude Code token: Give a Claude Code token/ }).waitFor()
    await look(ada, '06-onboard-errors')
    await ada.getByRole('textbox', { name: 'Claude Code token' }).fill(CREDENTIALS.slackBotToken)
    await ada.getByText('This looks like a Slack bot token: wrong field.').waitFor()
    await ada.getByRole('textbox', { name: 'Claude Code token' }).fill(CREDENTIALS.claudeCodeToken)
    await ada.getByRole('textbox', { name: 'GitHub token' }).fill(CREDENTIALS.githubToken)
    await ada.getByRole('textbox', { name: 'Slack bot token' }).fill(CREDENTIALS.slackBotToken)
    await look(ada, '07-onboard-filled')
    await ada.getByRole('button', { name: 'Onboard the agent' }).click()
    await ada.getByRole('heading', { name: AGENT_NAME, exact: true }).waitFor()
    await look(ada, '08-agent-passing')
    await ada.locator('.state.ready').waitFor({ timeout: 20_000 })
    expect(await ada.title()).toBe(`${AGENT_NAME} · Vestibule`)
    await look(ada, '09-agent-ready')

    await ada.getByRole('button', { name: 'Add the Slack app token' }).click()
    await ada.getByRole('textbox', { name: 'Slack app token' }).fill(CREDENTIALS.slackAppToken)
    await ada.getByRole('button', { name: 'Store it' }).click()
    await ada.getByRole('button', { name: 'Replace the Slack app token' }).waitFor()
    expect(await ada.getByText(/provided, by you/).count()).toBe(4)

    await admin.getByLabel('E-mail address to invite').fill('help@example.com')
    await admin.getByLabel('As', { exact: true }).selectOption('support')
    await admin.getByRole('button', { name: 'Create the invite' }).click()
    await admin.getByText('The link for help@example.com').waitFor()
    await admin.getByRole('button', { name: 'Copy' }).click()
    await admin.getByText('Copied.').waitFor()
    const helpContext = await browser.newContext()
    const help = await helpContext.newPage()
    complaints.push(...watchPage(help, product.url))
    await help.goto(await admin.evaluate(() => navigator.clipboard.readText()))
    await help.getByLabel('Choose a password', { exact: true }).fill(PASSWORD)
    await help.getByRole('button', { name: 'Create my account' }).click()
    await help.getByRole('heading', { name: 'Support', exact: true }).waitFor()
    await help.getByLabel('Reason').fill('Ticket 4711: the agent is silent')
    await help.getByLabel('Public key').fill('ssh-rsa AAAA')
    await help.getByRole('button', { name: 'Let me in' }).click()
    await help.getByRole('link', { name: /Public key: Paste one line/ }).waitFor()
    await look(help, '15-support-errors')
    await help.getByLabel('Public key').fill(`ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'A'.repeat(43)} throw-away`)
    await help.getByRole('button', { name: 'Let me in' }).click()
    await help.getByText('Then connect with this command.').waitFor()
    await look(help, '16-support-let-in')

    await ada.getByRole('button', { name: 'Turn support access off' }).click()
    await ada.getByText('Off: this machine accepts no connection.').waitFor()
    await ada.getByRole('button', { name: `Stop ${AGENT_NAME}` }).click()
    await ada.locator('.state.stopped').waitFor({ timeout: 20_000 })
    await look(ada, '10-agent-stopped')
    await ada.getByRole('button', { name: `Start ${AGENT_NAME}` }).click()
    await ada.locator('.state.ready').waitFor({ timeout: 20_000 })

    const stored = await ada.evaluate(() =>
      JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.documentElement.outerHTML]),
    )
    for (const credential of Object.values(CREDENTIALS)) expect(stored).not.toContain(credential)
    expect(await ada.evaluate(() => document.cookie)).toBe('')

    await ada.getByRole('link', { name: 'Agents', exact: true }).click()
    await ada.getByRole('cell', { name: /Claude Code token, GitHub token/ }).waitFor()
    await look(ada, '11-dashboard')
    await ada.getByRole('link', { name: AGENT_NAME }).click()
    await ada.getByRole('button', { name: `Delete ${AGENT_NAME}` }).click()
    await ada.getByLabel(`Type ${AGENT_NAME} to confirm`).fill(AGENT_NAME)
    await look(ada, '12-agent-delete')
    await ada.getByRole('button', { name: 'Delete for good' }).click()
    await ada.locator('.state.deleted').waitFor({ timeout: 20_000 })

    await ada.getByRole('link', { name: 'Audit trail', exact: true }).click()
    await ada.getByText(`You asked to delete ${AGENT_NAME}.`).waitFor()
    await ada.getByText(`You changed the Slack app token of ${AGENT_NAME}.`).waitFor()
    await ada.getByText(/A support engineer was let in to .* “Ticket 4711: the agent is silent”\./).waitFor()
    await look(ada, '13-audit')

    const secondContext = await browser.newContext()
    const second = await secondContext.newPage()
    await second.goto(`${product.url}/signin`)
    await look(second, '14-signin')
    await second.getByLabel('E-mail').fill('ada@example.com')
    await second.getByLabel('Password', { exact: true }).fill('not the right one')
    await second.getByRole('button', { name: 'Sign in' }).click()
    await second.getByText('E-mail or password is wrong.').waitFor()
    await second.getByLabel('Password', { exact: true }).fill(PASSWORD)
    await second.getByRole('button', { name: 'Sign in' }).click()
    await second.getByRole('heading', { name: 'Your agents' }).waitFor()

    await ada.getByRole('link', { name: 'Settings' }).click()
    await ada.getByRole('button', { name: 'Sign out everywhere else' }).waitFor()
    await look(ada, '15-settings')
    await ada.getByRole('button', { name: /^End the session/ }).click()
    await ada.getByRole('button', { name: 'Sign out everywhere else' }).waitFor({ state: 'detached' })
    await second.reload()
    await second.getByText('your session has ended').waitFor()
    await ada.getByLabel('Current password', { exact: true }).fill(PASSWORD)
    await ada.getByLabel('New password', { exact: true }).fill(NEW_PASSWORD)
    await ada.getByRole('button', { name: 'Change the password' }).click()
    await ada.getByText('The password is changed.').waitFor()
    await ada.getByLabel('Name of a new token').fill('nightly report')
    await ada.getByRole('button', { name: 'Create the token' }).click()
    await ada.getByText('Your new token. It is not shown again.').waitFor()
    await look(ada, '16-settings-token')

    await admin.getByRole('link', { name: 'Tenants' }).click()
    await admin.getByRole('button', { name: 'Suspend Analytical Engines' }).click()
    await admin.getByLabel(/Reason/).fill('invoice is open')
    await look(admin, '17-tenants-suspend')
    await admin.getByRole('button', { name: 'Suspend it' }).click()
    await admin.getByText('0 active, 1 suspended').waitFor()
    await ada.goto(`${product.url}/`)
    await ada.getByText('your session has ended').waitFor()
    await admin.getByRole('button', { name: 'Resume Analytical Engines' }).click()
    await admin.getByText('1 active, 0 suspended').waitFor()
    await admin.getByRole('link', { name: 'Staff' }).click()
    await admin.getByRole('button', { name: 'Make admin@example.com support' }).click()
    await admin.getByText('This is the last active admin.').waitFor()
    await look(admin, '18-staff')
    await admin.getByRole('link', { name: 'Audit trail' }).click()
    await admin.getByText('You suspended the tenant.').waitFor()
    await look(admin, '19-admin-audit')
    await admin.getByRole('link', { name: 'Invites' }).click()
    await admin.getByLabel('E-mail address to invite').fill('grace@example.com')
    await admin.getByRole('button', { name: 'Create the invite' }).click()
    await admin.getByText('The link for grace@example.com').waitFor()
    await admin.getByRole('button', { name: 'Revoke the invite of grace@example.com' }).click()
    await admin.getByRole('button', { name: 'Revoke it' }).click()
    await admin.getByRole('cell', { name: 'Revoked' }).waitFor()

    await ada.getByLabel('E-mail').fill('ada@example.com')
    await ada.getByLabel('Password', { exact: true }).fill(NEW_PASSWORD)
    await ada.getByRole('button', { name: 'Sign in' }).click()
    await ada.getByRole('heading', { name: 'Your agents' }).waitFor()
    await ada.getByRole('button', { name: 'Sign out' }).click()
    await ada.getByRole('heading', { name: 'Sign in' }).waitFor()

    await ada.goto(`${product.url}/security`)
    await ada.getByRole('heading', { name: 'How Vestibule keeps things safe' }).waitFor()
    await look(ada, '20-security')
    await ada.goto(link)
    await ada.getByText('This invite has been used').waitFor()
    await look(ada, '21-join-used')

    // A refused form and an ended session are answers, which every browser also prints as a failed request.
    const unexpected = complaints.filter((text) => !/the server responded with a status of (?:400|401|409)/.test(text))
    expect(unexpected).toEqual([])
    expect(tooWide).toEqual([])
  })

  it('holds the longest names at 320 pixels, and a keyboard finds its way', async () => {
    const own = await startProduct()
    try {
      const admin = await joinAsAdmin(own)
      const email = `${'a'.repeat(64)}@${'b'.repeat(60)}.example.com`
      const link = await inviteTenant(admin, email, 'W'.repeat(80))
      const context = await browser.newContext({ viewport: { width: 320, height: 700 } })
      const page = await context.newPage()
      const tooWideHere: string[] = []
      const check = async (name: string) => {
        const overflow = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        )
        if (overflow > 0) tooWideHere.push(`${name}: ${overflow} px`)
      }
      await page.goto(link)
      await page.getByRole('heading', { name: /^Join W/ }).waitFor()
      await check('join')
      await page.getByLabel('Choose a password', { exact: true }).fill('short')
      await page.keyboard.press('Enter')
      const problem = page.getByRole('link', { name: /This is too short/ })
      await problem.waitFor()
      await problem.click()
      await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('password')
      await page.getByLabel('Choose a password', { exact: true }).fill(PASSWORD)
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { name: 'Your agents' }).waitFor()
      // Over a slow line somebody quick is done before the page's script is there.
      await page.route(/onboard[^/]*\.js/, async (route) => {
        await new Promise((resolve) => setTimeout(resolve, 700))
        await route.continue()
      })
      await page.goto(`${own.url}/agents/new`)
      await page.getByRole('textbox', { name: 'Name' }).fill('W'.repeat(40))
      await page.getByRole('textbox', { name: 'Claude Code token' }).fill(CREDENTIALS.claudeCodeToken)
      await page.getByRole('button', { name: 'Onboard the agent' }).click()
      await page.getByRole('heading', { name: 'W'.repeat(40), exact: true }).waitFor()
      await page.locator('.state.ready').waitFor({ timeout: 20_000 })
      await check('agent')
      await page.getByRole('button', { name: /^Delete W/ }).focus()
      await page.keyboard.press('Enter')
      await page.getByRole('dialog').waitFor()
      await check('delete dialog')
      await page.keyboard.press('Escape')
      await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toContain('Delete W')
      for (const path of ['/', '/audit', '/settings', '/security', '/nowhere']) {
        await page.goto(own.url + path)
        await page.locator('h1').first().waitFor()
        await page.waitForLoadState('networkidle')
        await check(path)
      }
      await page.getByRole('heading', { name: 'There is nothing at this address' }).waitFor()
      await own.kill()
      await page.getByRole('link', { name: 'Settings' }).click()
      await page.getByRole('heading', { name: /cannot be loaded right now|Settings/ }).waitFor()

      expect(tooWideHere).toEqual([])
      await context.close()
    } finally {
      await own.kill()
    }
  })
})
