import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'

/** Hands a request on as it is, to another server on loopback. */
export const passOn = (target: URL, message: IncomingMessage, response: ServerResponse): void => {
  const onward = request(
    { host: target.hostname, port: target.port, method: message.method, path: message.url, headers: message.headers },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    },
  )
  onward.on('error', () => response.destroy())
  message.pipe(onward)
}

/** The same for one that becomes a WebSocket (RFC 6455, 4.1): from there on both sides hear each other's bytes. */
export const passOnUpgrade = (target: URL, message: IncomingMessage, socket: Duplex, head: Buffer): void => {
  const onward = connect(Number(target.port), target.hostname, () => {
    const headers = message.rawHeaders.flatMap((name, place) =>
      place % 2 === 0 ? [`${name}: ${message.rawHeaders[place + 1]}`] : [],
    )
    onward.write([`${message.method} ${message.url} HTTP/1.1`, ...headers, '', ''].join('\r\n'))
    onward.write(head)
    socket.pipe(onward)
    onward.pipe(socket)
  })
  onward.on('error', () => socket.destroy())
  socket.on('error', () => onward.destroy())
  socket.on('close', () => onward.destroy())
  onward.on('close', () => socket.destroy())
}
