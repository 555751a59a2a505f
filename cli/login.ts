import type { Secret } from '../lambdas/core/secret.ts'
import { createCall } from '../web/api.ts'
import { type Bare, must } from './context.ts'
import { EXIT, type Found, Misuse } from './output.ts'

const TOKEN = /^vst_pat_[A-Za-z0-9_-]{72}$/

const toOrigin = (text: string): string => {
  const url = URL.parse(text.includes('://') ? text : `https://${text}`)
  const isLocal = url?.hostname === 'localhost' || url?.hostname === '127.0.0.1'
  if (url === null || (url.protocol !== 'https:' && !isLocal))
    throw new Misuse(`${text} is no https address of a site.`)
  return url.origin
}

/** Keeps a token for a site, after trying it. The token is typed or piped in; as an argument other programs could read it. */
export const login = async (
  { words: [address], store }: Pick<Bare, 'words' | 'store'>,
  io: { readToken: (question: string) => Promise<Secret>; fetch: typeof fetch },
): Promise<Found> => {
  if (address === undefined) throw new Misuse('Say where: vestibule login https://vestibule.example.com')
  const site = toOrigin(address)
  const token = await io.readToken(`API token for ${site} (make one there, under Settings): `)
  if (!TOKEN.test(token.reveal())) throw new Misuse('That is no API token: they begin with vst_pat_. Nothing was kept.')
  const call = createCall({ origin: site, headers: { authorization: `Bearer ${token.reveal()}` }, fetch: io.fetch })
  const { account } = must(await call('GET /api/session'))
  if (account === null) {
    return {
      value: { site, account },
      words: 'The site does not know this token. Nothing was kept.',
      exit: EXIT.signedOut,
    }
  }
  const place = store.save(site, token)
  return {
    value: { site, account, keptIn: place },
    words: `Signed in as ${account.email} (${account.role}). The token is in ${place}.`,
  }
}
