// What `aws ec2-instance-connect open-tunnel` is for the rig: bytes to and from one machine's port 22, by the support path.
import { connect } from 'node:net'

const [, , host, localAddress] = process.argv
const socket = connect({ host, localAddress, port: 22 })
process.stdin.pipe(socket)
socket.pipe(process.stdout)
socket.on('error', () => process.exit(1))
socket.on('close', () => process.exit(0))
