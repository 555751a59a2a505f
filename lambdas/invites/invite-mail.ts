import type { Secret } from '../core/secret.ts'
import type { Invite } from './invite.ts'

/** Pure: no I/O, no clock. */

export interface Mail {
  to: string
  subject: string
  text: string
  html: string
}

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.codePointAt(0) ?? 0};`)

/** The mail to an invited person: who invites them, to what, until when, and the link. No picture, no tracking. */
export const composeInviteMail = (invite: Invite, sealed: Secret): Mail => {
  const link = sealed.reveal()
  const place = invite.tenantName ?? 'Vestibule'
  const lines = [
    `${invite.invitedBy} invites you to ${place}.`,
    `To join, open this link before ${invite.expiresAt.toUTCString()}. It works once, and only for ${invite.email}:`,
  ]
  const ending = 'If you did not expect this, do nothing: without you nothing happens.'
  return {
    to: invite.email,
    subject: `You are invited to ${place}`,
    text: [...lines, '', link, '', ending].join('\n'),
    html: [...lines.map(escapeHtml), `<a href="${escapeHtml(link)}">${escapeHtml(link)}</a>`, escapeHtml(ending)]
      .map((line) => `<p>${line}</p>`)
      .join(''),
  }
}
