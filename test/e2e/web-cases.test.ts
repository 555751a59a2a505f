import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Browser as Caller, must } from '../support/browser.ts'
import { codeOf, CREDENTIALS, PASSWORD } from '../support/harness.ts'
import { createPlantedIndex, type PlantedIndex } from '../support/planted.ts'
import { type RunningProduct, startProduct } from '../support/running-product.ts'
import { findChromium, launchChromium } from './chromium.ts'
import { inviteTenant, joinAsAdmin, joinAsTenant, signInAs } from './people.ts'

const chromiumPath = findChromium('WEB-06 and WEB-07 in a browser were')

/** What is typed into which field, by its label. */
type Typed = Readonly<Record<string, string>>

const AGENT_NAME = 'Analytical Engine'
const ONBOARDING: Typed = {
  Name: AGENT_NAME,
  'Claude Code token': CREDENTIALS.claudeCodeToken,
  'Anthropic API key': 'sk-ant-api03-fedcba9876543210fedcba9876543210',
  'GitHub token (optional)': CREDENTIALS.githubToken,
  'Slack bot token (optional)': CREDENTIALS.slackBotToken,
  'Slack app token (optional)': CREDENTIALS.slackAppToken,
}
const SIGN_IN: Typed = { 'E-mail': 'grace.hopper@example.com', Password: PASSWORD }
const NEW_PASSWORD = 'an umbrella over the harbour'

/** What of it may be shown again. */
const OPEN_LABELS: readonly string[] = ['Name', 'E-mail']
const secretsOf = (typed: Typed): string[] =>
  Object.entries(typed).flatMap(([label, value]) => (OPEN_LABELS.includes(label) ? [] : [value]))

/** By which scanners know a kind of secret: our own pages name some of them. */
const PUBLIC_PREFIX = /^(?:vst_inv_|sk-ant-\w{3}|ghp_|xox\w-|xapp-)/

const planting = (values: readonly string[]): PlantedIndex => {
  const index = createPlantedIndex()
  for (const value of values) index.plant(value, PUBLIC_PREFIX.exec(value)?.[0].length)
  return index
}

const fill = async (page: Page, typed: Typed): Promise<void> => {
  for (const [label, value] of Object.entries(typed)) await page.getByLabel(label, { exact: true }).fill(value)
}

const valuesOf = async (page: Page, labels: readonly string[]): Promise<Typed> =>
  Object.fromEntries(
    await Promise.all(labels.map(async (label) => [label, await page.getByLabel(label, { exact: true }).inputValue()])),
  )

/** Every place in which a page can leave something behind. */
const lookInto = (page: Page) =>
  page.evaluate(async () => ({
    localStorage: { ...localStorage },
    sessionStorage: { ...sessionStorage },
    databases: await indexedDB.databases(),
    caches: await caches.keys(),
    workers: (await navigator.serviceWorker.getRegistrations()).length,
    cookie: document.cookie,
    address: location.href,
    state: history.state,
    windowName: window.name,
    loaded: performance.getEntriesByType('resource').map((entry) => entry.name),
    inputs: [...document.querySelectorAll<HTMLInputElement>('input:not([type=radio])')].map((input) => input.value),
    document: document.documentElement.outerHTML,
  }))

interface Sent {
  method: string
  /** Without what stands behind the #, which no browser sends. */
  address: string
  body: string
}

const watchTraffic = (page: Page): Sent[] => {
  const sent: Sent[] = []
  page.on('request', (request) => {
    const { pathname, search } = new URL(request.url())
    sent.push({ method: request.method(), address: pathname + search, body: request.postData() ?? '' })
  })
  return sent
}

describe.skipIf(chromiumPath === null)('what is typed into a browser', () => {
  let product: RunningProduct
  let browser: Browser
  let admin: Caller

  beforeAll(async () => {
    product = await startProduct()
    browser = await launchChromium(chromiumPath ?? '')
    admin = await joinAsAdmin(product)
  })

  afterAll(async () => {
    await browser?.close()
    await product?.stop()
  })

  const openPage = async (caller: Caller | null = null, options: BrowserContextOptions = {}): Promise<Page> => {
    const context = await browser.newContext(options)
    if (caller !== null) await signInAs(context, caller, product.url)
    return context.newPage()
  }

  it('WEB-06 leaves no credential, password or token behind once an agent is onboarded', async () => {
    const link = await inviteTenant(admin, 'ada@example.com')
    const planted = planting([...secretsOf(ONBOARDING), PASSWORD, codeOf(link)])
    const page = await openPage()
    // As deployed, where a browser may keep a page that was left in its memory, and bring it back as it was.
    await page.route('**/*', async (route) => {
      if (route.request().resourceType() !== 'document') return route.fallback()
      const response = await route.fetch()
      return route.fulfill({ response, headers: { ...response.headers(), 'cache-control': 'no-cache' } })
    })
    const madeAt = () => page.evaluate(() => performance.timeOrigin)
    const onboard = page.getByRole('button', { name: 'Onboard the agent' })
    const look = async () => {
      const left = await lookInto(page)
      expect(planted.findIn(left)).toBeNull()
      const { localStorage, databases, caches, workers, cookie, state, windowName } = left
      expect([localStorage, databases, caches, workers, cookie, state, windowName]).toEqual([
        {},
        [],
        [],
        0,
        '',
        null,
        '',
      ])
      return { stored: Object.keys(left.sessionStorage), inputs: left.inputs }
    }

    await page.goto(link)
    await fill(page, { 'Choose a password': PASSWORD })
    await page.getByRole('button', { name: 'Create my account' }).click()
    await page.getByRole('link', { name: 'Onboard your first agent' }).click()
    const cookies = await page.context().cookies()
    expect(cookies.map(({ name, httpOnly, sameSite }) => [name, httpOnly, sameSite])).toEqual([
      ['vestibule-local', true, 'Lax'],
      ['vestibule-local-known', true, 'Lax'],
    ])
    expect(planted.findIn(cookies)).toBeNull()
    // Whatever holds a token holds its seal; what stands before that are ids, which a page may show.
    for (const { value } of cookies) planted.plant(value.slice(value.lastIndexOf('.') + 1))

    await fill(page, ONBOARDING)
    const { inputs: typed, ...during } = await lookInto(page)
    expect(typed).toEqual(Object.values(ONBOARDING))
    expect(planted.findIn(during)).toBeNull()
    await onboard.click()
    await page.getByRole('heading', { name: AGENT_NAME, exact: true }).waitFor()
    expect(await look()).toEqual({ stored: [], inputs: [] })

    const formWith = (name: string) => ({ stored: ['vestibule-onboarding'], inputs: [name, '', '', '', '', ''] })
    await page.goBack()
    await onboard.waitFor()
    expect(await look()).toEqual(formWith(''))
    await fill(page, ONBOARDING)
    const before = await madeAt()
    await page.goto(`${product.url}/security`)
    await page.goBack({ waitUntil: 'commit' })
    await onboard.waitFor()
    expect(await madeAt()).toBe(before)
    expect(await look()).toEqual(formWith(AGENT_NAME))
    expect(await page.context().cookies()).toEqual(cookies)
  })

  const MAIN_SCRIPT = /assets\/main-.*\.js$/
  const PAGE_SCRIPTS = /assets\/(?!main|base).*\.js$/

  it.concurrent.each([
    { situation: 'with JavaScript off', says: /needs JavaScript .* Nothing has been sent\./ },
    { situation: 'with the script missing', script: MAIN_SCRIPT, status: 404, says: /its script has not arrived/ },
    { situation: 'with the script blocked', script: MAIN_SCRIPT, status: null, says: /its script has not arrived/ },
    {
      situation: 'with half the script missing',
      script: PAGE_SCRIPTS,
      status: 404,
      says: /its script has not arrived/,
    },
  ])('WEB-07 sends nothing $situation, and says so by itself', async ({ situation, script, status, says }) => {
    const link = await inviteTenant(admin, `${situation.replaceAll(' ', '.')}@example.com`)
    const planted = planting([...Object.values(ONBOARDING), ...Object.values(SIGN_IN), codeOf(link)])
    const viewport = { width: 360, height: 780 }
    const opened = await openPage(null, { viewport, javaScriptEnabled: script !== undefined, reducedMotion: 'reduce' })
    const context = opened.context()
    if (script !== undefined) {
      await context.route(script, (route) => (status === null ? route.abort() : route.fulfill({ status })))
    }
    const tryToSend = async (address: string, typed: Typed | null): Promise<void> => {
      const page = await context.newPage()
      const sent = watchTraffic(page)
      await page.goto(product.url + address)
      const message = page.getByText(says)
      await message.waitFor()
      const box = await message.boundingBox()
      expect(box === null ? Number.NaN : box.y + box.height).toBeLessThanOrEqual(viewport.height)

      const expectNothingSent = async (): Promise<void> => {
        // That nothing follows is announced by nothing.
        await page.waitForTimeout(200)
        expect(page.url()).toBe(product.url + address)
        expect(planted.findIn(sent)).toBeNull()
        expect(sent.filter(({ method }) => method !== 'GET')).toEqual([])
      }

      expect(await page.locator('form').count()).toBe(typed === null ? 0 : 1)
      await expectNothingSent()
      if (typed === null) return
      await fill(page, typed)
      await page.getByLabel(Object.keys(typed).at(-1) ?? '', { exact: true }).press('Enter')
      await expectNothingSent()
      await page.locator('button[type=submit]').click({ force: true })
      await expectNothingSent()
      expect(await valuesOf(page, Object.keys(typed))).toEqual(typed)
    }

    await Promise.all([
      tryToSend('/agents/new', ONBOARDING),
      tryToSend('/signin', SIGN_IN),
      tryToSend(`/join#${codeOf(link)}`, null),
    ])
    await context.close()
  })

  /** Sends a form whose request is lost, or whose answer is, and again until nothing is lost any more. */
  const sendThrough = async (
    page: Page,
    given: { operation: string; typed: Typed; button: string; losses?: readonly ('request' | 'answer')[] },
  ): Promise<void> => {
    const { operation, typed, button, losses = ['request'] } = given
    const [method = '', path = ''] = operation.split(' ')
    const planted = planting(Object.values(typed))
    const secrets = planting(secretsOf(typed))
    const sent = watchTraffic(page)
    const isOurs = (url: string): boolean => new URL(url).pathname === path

    await fill(page, typed)
    const address = page.url()
    for (const loss of losses) {
      await page.route(
        ({ href }) => isOurs(href),
        async (route) => {
          if (loss === 'answer') await route.fetch()
          await route.fulfill({ status: 503, contentType: 'text/html', body: '<h1>Service Unavailable</h1>' })
        },
        { times: 1 },
      )
      const answered = page.waitForResponse((response) => isOurs(response.url()))
      await page.getByLabel(Object.keys(typed).at(-1) ?? '', { exact: true }).press('Enter')
      expect((await answered).status()).toBe(503)
      await page.getByText('The service can’t answer right now. Nothing was lost; try again in a moment.').waitFor()
      expect(await valuesOf(page, Object.keys(typed))).toEqual(typed)
      const { inputs: _, ...left } = await lookInto(page)
      expect(secrets.findIn(left)).toBeNull()
      expect(page.url()).toBe(address)
    }
    const taken = page.waitForResponse((response) => isOurs(response.url()))
    await page.getByRole('button', { name: button }).click()
    expect((await taken).ok()).toBe(true)

    const attempts = sent.filter(({ body }) => planted.find(body) !== null)
    expect(attempts).toEqual([...losses, 'none'].map(() => ({ method, address: path, body: attempts[0]?.body })))
    expect(planted.findIn(sent.map((request) => request.address))).toBeNull()
  }

  it('WEB-07 keeps an onboarding through 503s, and its repeats make one agent', async () => {
    const caller = await joinAsTenant(product, admin, 'grace@example.com')
    const page = await openPage(caller)
    await page.goto(`${product.url}/agents/new`)

    await sendThrough(page, {
      losses: ['request', 'answer'],
      operation: 'POST /api/agents',
      typed: ONBOARDING,
      button: 'Onboard the agent',
    })
    await page.getByRole('heading', { name: AGENT_NAME, exact: true }).waitFor()

    const { agents } = must(await caller.get('/api/agents'), 200, 'the agents')
    expect(agents.map((agent: { name: string }) => agent.name)).toEqual([AGENT_NAME])
    const replace = page.getByRole('button', { name: 'Replace the GitHub token' })
    await replace.click()
    await sendThrough(page, {
      operation: `PATCH /api/agents/${agents[0].id}/credentials`,
      typed: { 'GitHub token': `${CREDENTIALS.githubToken}-new` },
      button: 'Store it',
    })
    await replace.waitFor()
    await page.context().close()
  })

  it('WEB-07 keeps a sign-up, a change of password and a sign-in through a 503', async () => {
    const email = 'mary@example.com'
    const page = await openPage()

    await page.goto(await inviteTenant(admin, email))
    const choose = { 'Choose a password': PASSWORD }
    await fill(page, choose)
    expect(page.url()).toBe(`${product.url}/join`)
    await sendThrough(page, { operation: 'POST /api/signup', typed: choose, button: 'Create my account' })
    await page.getByRole('heading', { name: 'Your agents' }).waitFor()

    await page.getByRole('link', { name: 'Settings' }).click()
    const change = { 'Current password': PASSWORD, 'New password': NEW_PASSWORD }
    await sendThrough(page, { operation: 'POST /api/password', typed: change, button: 'Change the password' })
    await page.getByText('The password is changed.').waitFor()

    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    const signIn = { 'E-mail': email, Password: NEW_PASSWORD }
    await sendThrough(page, { operation: 'POST /api/login', typed: signIn, button: 'Sign in' })
    await page.getByRole('heading', { name: 'Your agents' }).waitFor()
    await page.context().close()
  })
})
