import { Component, type ReactNode } from "react";

import { Failure } from "./states";

interface Props {
  name: string;
  children: ReactNode;
}

/** Keeps a fault inside the panel where it happened. */
export class Boundary extends Component<Props, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (!error) return this.props.children;
    return <Failure error={new Error(`${this.props.name} failed: ${error.message}`)} retry={() => this.setState({ error: null })} />;
  }
}
